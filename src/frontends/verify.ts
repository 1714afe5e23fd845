/** Whether a warm image is what a clean build gives: both are built, and compared step by step. */
import { slotsOf } from '../build/index.ts';
import { compareLanes, type Drift, demote, type Lanes } from '../build/warm/index.ts';
import type { BuildRequest, BuildResult } from './build-request.ts';
import { builderOf, buildImage, rebuildImage, withPlan } from './project.ts';

export type VerifyResult =
  | (Extract<BuildResult, { outcome: 'done' }> & {
      /** Steps whose warm result a clean build doesn't give; none: the warm image was right. */
      drifts: readonly Drift[];
      /** Steps that two clean builds do differently. */
      unsteady: readonly Drift[];
    })
  | Exclude<BuildResult, { outcome: 'done' }>;

/**
 * Rebuilds warm, builds clean beside it, compares, and puts the clean image in place. A step that drifted runs from its
 * base from now on.
 */
export async function verify(request: BuildRequest): Promise<VerifyResult> {
  const { store, limits, timeoutMs, signal } = request;
  const builder = builderOf(request);
  return withPlan<VerifyResult>(request, async (worker, plan) => {
    // Outputs are those of the clean image.
    const first = { ...request, outputs: [], needDigest: false };
    const warm = await rebuildImage(first, worker, plan, builder);
    if (warm.result.outcome !== 'done') return warm.result;
    const clean = await buildImage(request, worker, plan);
    if (clean.result.outcome !== 'done') return clean.result;
    let lanes: Lanes = { drifts: [], unsteady: [] };
    if (warm.result.state === 'warm') {
      const warmWorker = await worker.warm();
      lanes = await compareLanes({
        ...{ plan, worker, warm: warmWorker, limits, timeoutMs, signal },
        ...{ clean: clean.results, warmResults: warm.results },
      });
      for (const drift of lanes.drifts) demote(store, builder, slotsOf(plan), drift, clean.results);
      await warmWorker.sweep(builder);
    }
    const shown = (drifts: readonly Drift[]) =>
      drifts.map(({ step, changes }) => ({ step: step.id, paths: changes.map(({ path }) => path) }));
    const { drifts, unsteady } = lanes;
    request.onEvent({ type: 'compared', at: Date.now(), drifts: shown(drifts), unsteady: shown(unsteady) });
    return { ...clean.result, drifts, unsteady };
  });
}
