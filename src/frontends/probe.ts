/** Tries the steps of a build file for warm rebuilds while nothing else is to be done. */
import { slotsOf } from '../build/index.ts';
import { probeParts, type UnfitStep } from '../build/warm/index.ts';
import { withLock } from '../store/runs.ts';
import type { BuildRequest } from './build-request.ts';
import { builderOf, withPlan } from './project.ts';

/** The steps that were found not to be fit. Ends early, with what it has found, when the signal comes. */
export async function probe(request: BuildRequest): Promise<UnfitStep[]> {
  const { store, limits, timeoutMs, signal } = request;
  const builder = builderOf(request);
  const found = await withPlan(request, (worker, plan) =>
    withLock(store, `warm-${builder}`, { onWait: () => {}, signal }, async () => {
      const warm = await worker.warm();
      const slots = slotsOf(plan);
      return probeParts({ store, worker, warm, plan, builder, slots, limits, timeoutMs, signal });
    }),
  );
  return 'outcome' in found ? [] : found;
}
