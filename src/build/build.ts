/** Builds a plan: keys, what is missing, its record; and says in the end what ran and what was reused. */
import type { ImageState } from '../images/index.ts';
import type { Digest } from '../kit/digest.ts';
import { settledOrAborted } from '../kit/wait.ts';
import type { BuildEvent, EventSink, Plan, SnapshotId, Step, StepFailure, StepId } from '../plan/index.ts';
import { type InputFacts, inputsOfKey, recordBuild, type StepRecord } from '../store/builds.ts';
import { newId, withLock } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import type { WarmWorker } from '../workers/warm.ts';
import type { StepTask, Worker } from '../workers/worker.ts';
import { type BuildInTime, changesSince, reasonOf } from './changes.ts';
import { type Identities, identifySources, type KeyedStep } from './keys.ts';
import { openLogs } from './logs.ts';
import type { StepReport } from './reports.ts';
import { runSchedule, type Schedule, type ScheduleRequest } from './scheduler.ts';
import type { OpenLane } from './warm/lane.ts';

export interface PlanBuildRequest {
  store: Store;
  worker: Worker;
  plan: Plan;
  /** What the plan was made from; a build's record goes under this name. */
  buildFile: string;
  jobs: number;
  limits: StepTask['limits'];
  timeoutMs?: number | undefined;
  signal: AbortSignal;
  /** Nothing is concluded before this, and a build that is stopped before it leaves no record. */
  ready?: Promise<void> | undefined;
  onEvent: EventSink;
  /** A build of its own (false: it evaluates a build file for another one, and tells only of trouble). */
  isMain: boolean;
  /** Something of the result is read afterwards: keep it from being pruned. */
  holdsResult: boolean;
  /** In place of `keyPlanInTurns`. */
  findKeys?: ScheduleRequest['findKeys'];
  /** What is done with the results (the plan's, then those for further platforms), before the build is called done. */
  conclude?: (
    results: readonly SnapshotId[],
    state: ImageState,
  ) => Promise<{ digest?: Digest; tags: readonly string[] }>;
  /** Steps that must run start from their own last results; without it, the build is a clean one. */
  warm?: { builder: string; open: () => Promise<WarmWorker>; isLive: boolean };
}

export type PlanBuildResult =
  | ({
      outcome: 'done';
      result: SnapshotId;
      /** Of every step that was needed, or was found in the cache. */
      results: ReadonlyMap<StepId, SnapshotId>;
      state: ImageState;
    } & BuildTotals)
  | Unfinished;

/** Internal steps are not counted. */
export interface BuildTotals {
  ran: number;
  reused: number;
  /** What the reused steps took when they ran. */
  savedMs: number;
}

export type Unfinished =
  | { outcome: 'failed'; step: Pick<Step, 'id' | 'stage' | 'title'>; failure: StepFailure }
  | { outcome: 'interrupted' };

export async function buildPlan(request: PlanBuildRequest): Promise<PlanBuildResult> {
  const { store, worker, plan, signal, buildFile } = request;
  const buildId = newId();
  const startedMs = Date.now();
  const slots = slotsOf(plan);
  using logs = openLogs(store, buildId);
  const tell = request.isMain ? request.onEvent : onlyTrouble(request.onEvent);
  const onEvent = (event: BuildEvent) => {
    logs.onEvent(event);
    tell(event);
  };
  announce(plan, buildId, onEvent);

  const reasonFor = ({ step, facts }: KeyedStep, keyed: ReadonlyMap<StepId, KeyedStep>) =>
    reasonOf(
      changesSince(inTime(request, startedMs, slots, keyed), slots.get(step.id) as string, facts),
      step.noCache ?? false,
    );
  let schedule: Schedule = {
    ...{ reports: new Map(), known: new Map(), result: undefined, others: [], outcome: 'failed' },
  };
  let state: ImageState = 'verified';
  let concluded: { digest?: Digest; tags: readonly string[] } = { tags: [] };
  try {
    const identities = await identifySources(plan, worker, signal);
    const lane = request.warm && (await laneOf(request, request.warm, slots, identities));
    schedule = await runSchedule({
      ...(lane && { lane }),
      findKeys: request.findKeys,
      plan,
      worker,
      identities,
      jobs: request.jobs,
      limits: request.limits,
      timeoutMs: request.timeoutMs,
      signal,
      onEvent,
      reasonFor,
      withKeyLock: (key, onWait, body) => withLock(store, key, { onWait, signal }, body),
      tailOf: logs.tailOf,
      holdsResult: request.holdsResult,
    });
    const results = [plan, ...(plan.others ?? [])];
    if (results.some(({ result: id }) => lane?.isWarm(id, schedule.known))) state = 'warm';
    if (request.ready) await settledOrAborted(request.ready, signal);
    if (request.ready && signal.aborted) schedule = { ...schedule, outcome: 'interrupted' };
    else if (schedule.result !== undefined && request.conclude)
      concluded = await request.conclude([schedule.result, ...schedule.others], state);
  } catch (error) {
    if (!signal.aborted) {
      schedule = { ...schedule, outcome: 'failed' };
      throw error;
    }
    schedule = { ...schedule, outcome: 'interrupted' };
  } finally {
    const { ready } = request;
    // One that was stopped before it was wanted leaves no trace.
    if (ready === undefined || (await settledOrAborted(ready, signal))) {
      const steps = plan.steps.flatMap((step) =>
        stepRecord(store, step, slots, schedule.reports.get(step.id)),
      );
      recordBuild(store, {
        id: buildId,
        buildFile,
        startedMs,
        endedMs: Date.now(),
        outcome: schedule.outcome,
        steps,
      });
    }
    const totals = totalsOf(schedule);
    onEvent({
      type: 'build-done',
      at: Date.now(),
      outcome: schedule.outcome,
      ...totals,
      durationMs: Date.now() - startedMs,
      ...(concluded.digest && { digest: concluded.digest }),
      tags: concluded.tags,
      ...(schedule.outcome === 'done' && request.isMain && { state }),
    });
  }
  if (schedule.outcome === 'interrupted') return { outcome: 'interrupted' };
  if (schedule.result === undefined) return failureOf(schedule);
  const results = new Map<StepId, SnapshotId>();
  for (const [id, { snapshot }] of schedule.reports) if (snapshot) results.set(id, snapshot);
  return { outcome: 'done', result: schedule.result, results, state, ...totalsOf(schedule) };
}

async function laneOf(
  request: PlanBuildRequest,
  { builder, open, isLive }: NonNullable<PlanBuildRequest['warm']>,
  slots: ReadonlyMap<StepId, string>,
  identities: Identities,
): Promise<OpenLane> {
  const { openLane } = await import('./warm/lane.ts');
  const { store, worker, plan, buildFile, limits, timeoutMs, signal } = request;
  const onWait = (step: StepId, reason: string) =>
    request.onEvent({ type: 'step-waiting', at: Date.now(), step, reason });
  return openLane({
    onWait,
    store,
    worker,
    plan,
    buildFile,
    limits,
    timeoutMs,
    signal,
    slots,
    identities,
    builder,
    isLive,
    warm: open,
  });
}

/** A build that isn't recorded yet, as one among others. */
export function inTime(
  { store, buildFile }: Pick<PlanBuildRequest, 'store' | 'buildFile'>,
  startedMs: number,
  slots: ReadonlyMap<StepId, string>,
  keyed: ReadonlyMap<StepId, KeyedStep>,
): BuildInTime {
  const inputStep = (key: string) => {
    const found = [...keyed.values()].find((other) => other.step.internal && other.key === key);
    return found && { slot: slots.get(found.step.id) as string, inputs: found.facts };
  };
  return { store, buildFile, startedMs, inputStep };
}

/** While a build file is evaluated for another build, nothing is told but a failure: then that, and how it ended. */
function onlyTrouble(sink: EventSink): EventSink {
  const planned: BuildEvent[] = [];
  let hasFailed = false;
  return (event) => {
    if (event.type === 'build-started' || event.type === 'step-planned') planned.push(event);
    if (event.type === 'step-failed' && !hasFailed) {
      hasFailed = true;
      const { step } = event;
      for (const earlier of planned)
        if (earlier.type === 'build-started' || ('step' in earlier && earlier.step === step)) sink(earlier);
    }
    if (
      event.type === 'warning' ||
      (hasFailed && (event.type === 'step-failed' || event.type === 'build-done'))
    )
      sink(event);
  };
}

function announce(plan: Plan, buildId: string, onEvent: EventSink): void {
  const at = Date.now();
  onEvent({
    type: 'build-started',
    at,
    buildId,
    steps: plan.steps.filter(({ internal }) => !internal).length,
  });
  for (const { id, stage, title, internal } of plan.steps) {
    onEvent({ type: 'step-planned', at, step: id, stage, title, internal: internal ?? false });
  }
}

/** The n-th step of a stage is the same step in another build, whatever it does there. */
export function slotsOf(plan: Plan): Map<StepId, string> {
  const counts = new Map<string, number>();
  return new Map(
    plan.steps.map(({ id, stage, internal }) => {
      const kind = `${stage}${internal ? ' (inputs)' : ''}`;
      const count = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, count);
      return [id, `${kind} ${count}`];
    }),
  );
}

function stepRecord(
  store: Store,
  step: Step,
  slots: Map<StepId, string>,
  report: StepReport | undefined,
): StepRecord[] {
  if (report === undefined) return [];
  const { keyed, state, reason, durationMs, usage, snapshot, workspace } = report;
  const { id, stage, title, internal, location } = step;
  // Found by its definition: the facts of its content are those of the time when it ran.
  const key = keyed.hit?.canonical ?? keyed.key;
  const inputs: InputFacts =
    (state === 'reused' && keyed.alias !== undefined && key !== undefined
      ? inputsOfKey(store, key)
      : undefined) ?? keyed.facts;
  const slot = slots.get(id) as string;
  return [
    {
      step: id,
      stage,
      title,
      internal: internal ?? false,
      location,
      slot,
      key,
      state,
      reason,
      inputs,
      durationMs,
      usage,
      snapshot,
      workspace,
    },
  ];
}

function totalsOf({ reports }: Schedule): BuildTotals {
  const all = [...reports.values()].filter(({ keyed }) => !keyed.step.internal);
  const reused = all.filter(({ state }) => state === 'reused');
  return {
    ran: all.filter(({ state }) => state === 'ran').length,
    reused: reused.length,
    savedMs: reused.reduce((sum, { durationMs }) => sum + (durationMs ?? 0), 0),
  };
}

function failureOf({ reports }: Schedule): Unfinished {
  const report = [...reports.values()].find(({ state }) => state === 'failed');
  if (report?.failure === undefined) return { outcome: 'interrupted' };
  const { id, stage, title } = report.keyed.step;
  return { outcome: 'failed', step: { id, stage, title }, failure: report.failure };
}
