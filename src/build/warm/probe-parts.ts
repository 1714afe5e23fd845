/** Finds out, before an edit needs to know, which parts of a builder's steps may run again on their own results. */
import type { Plan, RunOp, SnapshotId, Step, StepId } from '../../plan/index.ts';
import type { Store } from '../../store/store.ts';
import { saveWarmPart, type WarmPart, warmPartsOf } from '../../store/warm.ts';
import type { WarmTask, WarmWorker } from '../../workers/warm.ts';
import type { StepTask, Worker } from '../../workers/worker.ts';
import { computeOf, reserveFor } from '../compute.ts';
import { type Known, knownFrom } from './known.ts';
import { unseenSteps } from './mounts.ts';
import { partsOf } from './parts.ts';

export interface ProbeRequest extends Pick<StepTask, 'limits' | 'timeoutMs' | 'signal'> {
  store: Store;
  worker: Worker;
  warm: WarmWorker;
  plan: Plan;
  /** Names the warm builder. */
  builder: string;
  slots: ReadonlyMap<StepId, string>;
}

/** A step that is not fit to run again on its own result. */
export interface UnfitStep {
  step: Step;
  reason: string;
}

/** Tries all of which nothing is known yet, one after the other, until the signal comes. */
export async function probeParts(request: ProbeRequest): Promise<UnfitStep[]> {
  const { store, plan, builder, slots, signal } = request;
  const known = warmPartsOf(store.db, builder);
  const unfit: UnfitStep[] = [];
  for (const step of plan.steps) {
    if (step.op.type !== 'run' || step.warm?.mode === 'off' || step.warm?.mode === 'on') continue;
    const run = step as Step & { op: RunOp };
    for (const last of known.get(slots.get(step.id) as string) ?? []) {
      if (signal.aborted) return unfit;
      if (last.fitness !== 'unknown') continue;
      const found = await probePart(request, run, last);
      if (found === undefined) continue;
      saveWarmPart(store.db, builder, { ...last, ...found });
      if (found.fitness === 'clean-only') unfit.push({ step, reason: found.reason ?? '' });
    }
  }
  return unfit;
}

/** Undefined when it was ended, or when the last result is one of another command. */
async function probePart(
  { worker, warm, limits, timeoutMs, signal }: ProbeRequest,
  step: Step & { op: RunOp },
  last: WarmPart,
): Promise<Known | undefined> {
  const part = [...partsOf(step, true), ...partsOf(step, false)].find(
    ({ definition }) => definition === last.definition,
  );
  const leased = [last.result, ...(last.base ? [last.base] : [])];
  if (part === undefined || !leased.every((id) => worker.lease(id))) return undefined;
  const argv = step.warm?.argv ?? part.step.op.argv;
  const unseen = new Map(unseenSteps(step.op).map(([name, id]) => [id, last.mounts[name]?.content]));
  const task: WarmTask & { last: NonNullable<WarmTask['last']> } = {
    ...{ timeoutMs, signal, mounts: last.mounts, base: last.base, limits: computeOf(step, limits) },
    step: { ...part.step, op: { ...part.step.op, argv } },
    last: { ...last, changes: [] },
    snapshotOf: (id) => unseen.get(id) as SnapshotId,
    onOutput: () => {},
  };
  using held = await reserveFor(step, worker, {
    ...{ limits, signal, onWait: () => {}, isOver: () => signal.aborted },
  });
  if (held === undefined) return undefined;
  const tried = await warm.probe(task);
  if (tried.outcome === 'cancelled') return undefined;
  return knownFrom(tried, last.touches);
}
