/**
 * Realises a plan: runs the steps whose results are missing, each once, as soon as what it needs is there. It knows
 * steps and snapshots; what a step does is the worker's affair.
 */
import type { EventSink, Plan, SnapshotId, Step, StepId, StepKey } from '../plan/index.ts';
import type { StepOutcome, StepTask, Worker } from '../workers/worker.ts';
import { checkPlan, computeOf, reserveFor } from './compute.ts';
import { referencedSteps } from './facts.ts';
import { type Identities, type KeyedStep, keyPlanInTurns, keyStep, readAhead } from './keys.ts';
import { locate } from './locate.ts';
import { type Keyed, NotRealised, openReports, reportUntouched, type StepReport } from './reports.ts';
import type { CleanRun, OpenLane } from './warm/lane.ts';

export interface ScheduleRequest {
  plan: Plan;
  worker: Worker;
  identities: Identities;
  /** Steps at work at once. */
  jobs: number;
  limits: StepTask['limits'];
  timeoutMs: number | undefined;
  signal: AbortSignal;
  onEvent: EventSink;
  /** Why a step runs, in words. */
  reasonFor: (keyed: KeyedStep, all: ReadonlyMap<StepId, KeyedStep>) => string;
  /** Holds a lock on a key, over all processes of the store, while `body` runs. */
  withKeyLock: <T>(key: StepKey, onWait: () => void, body: () => Promise<T>) => Promise<T>;
  /** Something of the result is read afterwards: keep it from being pruned. */
  holdsResult: boolean;
  /** Last lines of a step's output. */
  tailOf: (step: StepId) => readonly string[];
  /** What gives a step its result when its key is filed nowhere; without it, the clean lane does. */
  lane?: OpenLane;
  /** Finds the keys, in place of `keyPlanInTurns`. */
  findKeys?: typeof keyPlanInTurns | undefined;
}

export interface Schedule {
  /** Of every step that was needed, or was found in the cache. */
  reports: ReadonlyMap<StepId, StepReport>;
  result: SnapshotId | undefined;
  /** Results for further platforms, in the order of the plan. */
  others: readonly SnapshotId[];
  outcome: 'done' | 'failed' | 'interrupted';
  /** Keys as they were known before anything ran. */
  known: ReadonlyMap<StepId, KeyedStep>;
}

export async function runSchedule(request: ScheduleRequest): Promise<Schedule> {
  const { plan, worker, identities, onEvent, signal } = request;
  const steps = new Map(plan.steps.map((step) => [step.id, step]));
  const told = openReports(onEvent, request.tailOf);
  const { reports, keys, results, reuse, cancel } = told;
  const slots = semaphore(request.jobs);
  const known = await (request.findKeys ?? keyPlanInTurns)(plan, worker, identities, signal);
  const promises = new Map<StepId, Promise<SnapshotId>>();
  // Those that may still have to run.
  const commands = new Set(
    plan.steps.filter(({ id, op }) => op.type === 'run' && !known.get(id)?.hit).map(({ id }) => id),
  );

  const realise = (id: StepId): Promise<SnapshotId> => {
    const promise = promises.get(id) ?? realiseNow(steps.get(id) as Step);
    promises.set(id, promise);
    return promise;
  };

  /** Makes sure that the key of a step is known, running what it copies from if need be. */
  const keyNow = async (id: StepId): Promise<void> => {
    if (keys.has(id)) return;
    const early = known.get(id);
    if (early?.key !== undefined) keys.set(id, early.key);
    else await realise(id);
  };

  const realiseNow = async (step: Step): Promise<SnapshotId> => {
    const early = known.get(step.id) as KeyedStep;
    if (early.hit && worker.lease(early.hit.snapshot)) return reuse(early);
    const named = [...(step.base ? [step.base] : []), ...referencedSteps(step)];
    await settleAll(named.map(keyNow));
    let keyed = early.key !== undefined ? early : keyStep(step, worker, identities, keys, results);
    if (keyed.key === undefined) {
      await settleAll(referencedSteps(step).map(realise));
      await readAhead(step, worker, results, signal);
      keyed = keyStep(step, worker, identities, keys, results);
    }
    if (keyed.hit && worker.lease(keyed.hit.snapshot)) return reuse(keyed);
    await settleAll(named.map(realise));
    if (told.hasFailed || signal.aborted) throw cancel(keyed, 'the build was stopped');
    return slots(() => perform(keyed as Keyed));
  };

  const perform = async (keyed: Keyed): Promise<SnapshotId> => {
    if (request.lane === undefined) return (await runStep(keyed)).snapshot;
    return request.lane.perform(keyed, told, (reason) => runStep(keyed, reason));
  };

  const runStep: (keyed: Keyed, why?: string) => ReturnType<CleanRun> = async (keyed, why) => {
    const { step, key } = keyed;
    if (told.hasFailed || signal.aborted) throw cancel(keyed, 'the build was stopped');
    return request.withKeyLock(
      key,
      () => tellWaiting(step.id, 'another build runs the same step'),
      async () => {
        // While this one waited, the other may have made it.
        const hit = step.noCache ? undefined : worker.find(key);
        if (hit && worker.lease(hit.snapshot))
          return { snapshot: reuse({ ...keyed, hit }), reads: undefined };
        const { limits } = request;
        const onWait = (reason: string) => tellWaiting(step.id, reason);
        const isOver = () => told.hasFailed;
        using held = await reserveFor(step, worker, { limits, signal, onWait, isOver });
        if (held === undefined) throw cancel(keyed, 'the build was stopped');
        await nextTurn();
        if (signal.aborted) throw cancel(keyed, 'the build was stopped');
        const reason = why ?? request.reasonFor(keyed, known);
        told.begin(keyed, reason);
        const outcome = await execute(keyed);
        const snapshot = told.conclude(keyed, reason, outcome);
        return { snapshot, reads: outcome.outcome === 'done' ? outcome.reads : undefined };
      },
    );
  };

  const tellWaiting = (step: StepId, reason: string) =>
    onEvent({ type: 'step-waiting', at: Date.now(), step, reason });

  const execute = (keyed: Keyed): Promise<StepOutcome> => {
    const { step, key, alias } = keyed;
    commands.delete(step.id);
    return worker
      .execute({
        step,
        key,
        alias,
        base: step.base && results.get(step.base),
        snapshotOf: (id) => results.get(id) as SnapshotId,
        limits: computeOf(step, request.limits),
        timeoutMs: request.timeoutMs,
        signal,
        isFollowed: commands.size > 0,
        onWait: (reason) => tellWaiting(step.id, reason),
        onOutput: told.outputOf(keyed),
        ...(request.lane && { isTraced: true }),
      })
      .catch((error) => {
        throw locate(error, step.location);
      });
  };

  const wanted = resultsOf(plan);
  const hits = wanted.flatMap((id) => known.get(id)?.hit?.snapshot ?? []);
  if (hits.length === wanted.length && !request.holdsResult) {
    // Nothing to do and nothing to read: no lock and no lease.
    reportUntouched(known, told);
    const [result, ...others] = hits;
    return { reports, known, result, others, outcome: 'done' };
  }
  const needed = neededSteps(plan, known);
  checkPlan(plan, worker, { needed, known, limits: request.limits });
  // In the order of the build file: what nothing has to be run upon comes before what is looked at.
  reportUntouched(new Map([...known].filter(([id]) => !needed.has(id))), told);
  try {
    // What a key waits for is begun at once: it would otherwise be done one after the other, along the chain of bases.
    for (const id of awaitedSources(plan, needed, known)) void realise(id).catch(() => {});
    await settleAll(wanted.map(realise));
    reportUntouched(known, told);
    const [result, ...others] = wanted.map((id) => results.get(id) as SnapshotId);
    return { reports, known, result, others, outcome: 'done' };
  } catch (error) {
    told.hasFailed = true;
    await Promise.allSettled(promises.values());
    reportUntouched(known, told);
    if (error instanceof NotRealised || signal.aborted) {
      const outcome = signal.aborted ? 'interrupted' : 'failed';
      return { reports, known, result: undefined, others: [], outcome };
    }
    throw error;
  }
}

function resultsOf({ result, others = [] }: Plan): StepId[] {
  return [result, ...others.map((other) => other.result)];
}

/** Steps that the results stand on, as far down as results are there. */
function neededSteps(plan: Plan, known: ReadonlyMap<StepId, KeyedStep>): Set<StepId> {
  const needed = new Set<StepId>(resultsOf(plan));
  for (const step of plan.steps.toReversed()) {
    if (!needed.has(step.id) || known.get(step.id)?.hit) continue;
    for (const id of [...(step.base ? [step.base] : []), ...referencedSteps(step)]) needed.add(id);
  }
  return needed;
}

/** Steps that others of the plan copy from, and without whose results the keys of those can't be known. */
function awaitedSources(
  plan: Plan,
  needed: ReadonlySet<StepId>,
  known: ReadonlyMap<StepId, KeyedStep>,
): StepId[] {
  return plan.steps
    .filter(({ id, op }) => needed.has(id) && op.type === 'copy' && known.get(id)?.key === undefined)
    .flatMap(referencedSteps);
}

/** Waits for all, also when one fails, and then throws that failure: nothing is left running unwatched. */
async function settleAll(promises: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(promises);
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
}

function semaphore(places: number): <T>(body: () => Promise<T>) => Promise<T> {
  let free = Math.max(1, places);
  const waiting: (() => void)[] = [];
  return async (body) => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free -= 1;
    try {
      return await body();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}

/** Copies may do all of their work in one go: between steps, signals and timers have their turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
