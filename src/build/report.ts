/** What a build of a plan would do, without doing any of it. */
import type { Plan, StepId, StepKey } from '../plan/index.ts';
import type { Store } from '../store/store.ts';
import type { Worker } from '../workers/worker.ts';
import { inTime, slotsOf } from './build.ts';
import { changesSince, reasonOf } from './changes.ts';
import { identifySources, keyPlan } from './keys.ts';

export interface PlanRow {
  id: StepId;
  stage: string;
  title: string;
  internal: boolean;
  key: StepKey | undefined;
  /** `unknown`: it copies from a step that has to run first. */
  state: 'hit' | 'miss' | 'unknown';
  reason: string;
}

export async function reportPlan(
  store: Store,
  worker: Worker,
  plan: Plan,
  buildFile: string,
): Promise<PlanRow[]> {
  const slots = slotsOf(plan);
  const keyed = keyPlan(plan, worker, await identifySources(plan, worker));
  return [...keyed.values()].map(({ step, key, hit, facts }) => {
    const { id, stage, title, internal = false } = step;
    const row = { id, stage, title, internal, key };
    if (hit) return { ...row, state: 'hit', reason: 'nothing changed' };
    if (key === undefined)
      return { ...row, state: 'unknown', reason: 'depends on what a step before it gives' };
    const changes = changesSince(
      inTime({ store, buildFile }, Date.now() + 1, slots, keyed),
      slots.get(id) as string,
      facts,
    );
    return { ...row, state: 'miss', reason: reasonOf(changes, step.noCache ?? false) };
  });
}
