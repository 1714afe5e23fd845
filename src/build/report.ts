/** What a build of a plan would do, without doing any of it. */
import type { Compute, Plan, StepId, StepKey } from '../plan/index.ts';
import { usagesOf } from '../store/builds.ts';
import type { Store } from '../store/store.ts';
import { warmPartsOf } from '../store/warm.ts';
import type { Worker } from '../workers/worker.ts';
import { inTime, slotsOf } from './build.ts';
import { changesSince, reasonOf } from './changes.ts';
import { identifySources, keyPlan } from './keys.ts';
import { lookedAt, needOf } from './needs.ts';

export interface PlanRow {
  id: StepId;
  stage: string;
  title: string;
  internal: boolean;
  key: StepKey | undefined;
  /** `unknown`: it copies from a step that has to run first. */
  state: 'hit' | 'miss' | 'unknown';
  reason: string;
  /** What its runs took so far, for a command that ran often enough. */
  needs?: Pick<Compute, 'cpus' | 'memoryBytes'>;
  /** What the warm lane knows of it: why it always runs from its base. */
  cleanOnly?: string;
}

export async function reportPlan(
  store: Store,
  worker: Worker,
  plan: Plan,
  buildFile: string,
  builder: string,
): Promise<PlanRow[]> {
  const slots = slotsOf(plan);
  const parts = warmPartsOf(store.db, builder);
  const keyed = keyPlan(plan, worker, await identifySources(plan, worker));
  return [...keyed.values()].map(({ step, key, hit, facts }) => {
    const { id, stage, title, internal = false } = step;
    const slot = slots.get(id) as string;
    const needs =
      step.op.type === 'run' ? needOf(usagesOf(store, buildFile, { slot, title }, lookedAt)) : undefined;
    const unfit = parts.get(slot)?.find(({ fitness }) => fitness === 'clean-only');
    const known = { ...(needs && { needs }), ...(unfit && { cleanOnly: unfit.reason ?? '' }) };
    const row = { id, stage, title, internal, key, ...known };
    if (hit) return { ...row, state: 'hit', reason: 'nothing changed' };
    if (key === undefined)
      return { ...row, state: 'unknown', reason: 'depends on what a step before it gives' };
    const changes = changesSince(inTime({ store, buildFile }, Date.now() + 1, slots, keyed), slot, facts);
    return { ...row, state: 'miss', reason: reasonOf(changes, step.noCache ?? false) };
  });
}
