/**
 * What a run sees of other steps in mounts. The clean lane gives such files the times that they have at their source, so a
 * tool that goes by times would take a changed file for an old one: the warm lane shows the form that it showed last, with
 * what changed put in.
 */
import type { SnapshotId } from '../../plan/index.ts';
import type { WarmMount, WarmPart } from '../../store/warm.ts';
import type { TreeChange } from '../../workers/warm.ts';
import type { RunPart } from './parts.ts';
import type { Running } from './run-parts.ts';

export interface BroughtMounts {
  /** For a run on the last result, by target. */
  shown: Record<string, WarmMount>;
  /** For a run on the base: as the clean lane shows them. */
  fresh: Record<string, WarmMount>;
  /** What changed in them since the last run. */
  changes: TreeChange[];
}

export function bringUpMounts(
  running: Running,
  { step }: RunPart,
  last: WarmPart | undefined,
): BroughtMounts {
  const all: BroughtMounts = { shown: {}, fresh: {}, changes: [] };
  for (const mount of step.op.mounts) {
    if (mount.type !== 'step') continue;
    const content = running.told.results.get(mount.step) as SnapshotId;
    all.fresh[mount.target] = { content, shown: content };
    const before = last?.mounts[mount.target];
    if (last === undefined || before === undefined) continue;
    const changes = running.warm.compare(before.content, content);
    all.changes.push(...changes);
    all.shown[mount.target] = { content, shown: bringUp(running, last, before, content, changes) };
  }
  return all;
}

function bringUp(
  { warm, keyed }: Running,
  { seenNs }: WarmPart,
  { content: base, shown: result }: WarmMount,
  content: SnapshotId,
  changes: readonly TreeChange[],
): SnapshotId {
  if (changes.length === 0) return result;
  const carried = warm.carry(keyed.step, { result, base, changes, seenNs }, content);
  // What is mounted has been written to by nobody.
  if (carried.outcome !== 'done') throw new Error('an input could not be brought up to date');
  return carried.snapshot;
}
