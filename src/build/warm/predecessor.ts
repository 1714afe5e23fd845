/** The result of an ordinary build as a last result: so that the first rebuild after one is warm already. */

import { canonicalJson } from '../../kit/digest.ts';
import type { StepKey } from '../../plan/index.ts';
import { type InputFacts, lastResultOf } from '../../store/builds.ts';
import { findSnapshot } from '../../store/snapshots.ts';
import type { WarmPart } from '../../store/warm.ts';
import type { Lane } from './lane.ts';
import { isOfSameLineage } from './lineage.ts';
import type { RunPart } from './parts.ts';
import type { KeyedRun } from './run-parts.ts';

/** Only for a command in one part, and without what other steps show it: what it saw of those isn't known any more. */
export function predecessorOf(lane: Lane, { facts }: KeyedRun, part: RunPart): WarmPart | undefined {
  const { store, worker, plan, identities, buildFile, slots, lineages } = lane;
  if (part.step.op.mounts.some(({ type }) => type === 'step')) return undefined;
  const slot = slots.get(part.step.id) as string;
  const last = lastResultOf(store, buildFile, slot);
  if (last === undefined || ownFacts(last.inputs) !== ownFacts(facts)) return undefined;
  if (!isOfSameLineage(store, plan, identities, part.step, last.inputs)) return undefined;
  const row = findSnapshot(store.db, last.snapshot);
  if (row?.kind !== 'clean' || !worker.lease(row.id)) return undefined;
  return {
    lineage: lineages.get(part.step.id) as string,
    ...{ slot, part: 0, definition: part.definition, key: last.key as StepKey, result: row.id },
    ...{ base: row.parent ?? undefined, mounts: {}, reads: undefined, touches: undefined },
    // When it was committed, rounded up.
    seenNs: BigInt(row.createdMs + 1) * 1_000_000n,
    ...{ fitness: 'unknown', reason: undefined },
  };
}

/** The facts that tell of the step alone. */
function ownFacts({ parent: _, ...facts }: InputFacts): string {
  return canonicalJson(facts);
}
