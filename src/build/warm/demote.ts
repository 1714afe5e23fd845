/** A step whose warm result was not what a clean build gives: from now on it runs from its base. */
import type { RunOp, SnapshotId, Step, StepId, StepKey } from '../../plan/index.ts';
import type { Store } from '../../store/store.ts';
import { dropWarmParts, saveWarmPart } from '../../store/warm.ts';
import type { Drift } from './compare-lanes.ts';
import { describeChanges } from './decide.ts';
import { partsOf, type RunPart } from './parts.ts';

export function demote(
  store: Store,
  builder: string,
  slots: ReadonlyMap<StepId, string>,
  { step, changes }: Drift,
  clean: ReadonlyMap<StepId, SnapshotId>,
): void {
  const slot = slots.get(step.id) as string;
  dropWarmParts(store.db, builder, slot);
  if (step.op.type !== 'run') return;
  const [{ definition }] = partsOf(step as Step & { op: RunOp }, true) as [RunPart];
  saveWarmPart(store.db, builder, {
    ...{
      slot,
      part: 0,
      definition,
      lineage: '',
      mounts: {},
      reads: undefined,
      touches: undefined,
      seenNs: 0n,
    },
    // No step has this key: what the clean lane gave is never taken for a result of the warm one.
    key: '' as StepKey,
    base: step.base && clean.get(step.base),
    result: clean.get(step.id) as SnapshotId,
    fitness: 'clean-only',
    reason: `on its last result it gave something else than a clean build: ${describeChanges(changes)}`,
  });
}
