/**
 * What a run sees of other steps in mounts. The clean lane gives such files the times that they have at their source, so a
 * tool that goes by times would take a changed file for an old one: the warm lane shows the form that it showed last, with
 * what changed put in.
 */
import type { RunOp, SnapshotId, StepId } from '../../plan/index.ts';
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
  /**
   * What changed in the root folder that it runs in, where that isn't its base, in what its caches begin with, and in mounts
   * whose last form can't take the changes.
   */
  toolChanges: TreeChange[];
}

export async function bringUpMounts(
  running: Running,
  { step }: RunPart,
  last: WarmPart | undefined,
): Promise<BroughtMounts> {
  const all: BroughtMounts = { shown: {}, fresh: {}, changes: [], toolChanges: [] };
  for (const mount of step.op.mounts) {
    if (mount.type !== 'step') continue;
    const content = running.told.results.get(mount.step) as SnapshotId;
    all.fresh[mount.target] = { content, shown: content };
    const before = last?.mounts[mount.target];
    if (last === undefined || before === undefined) continue;
    const changes = running.warm.compare(before.content, content);
    const shown = await bringUp(running, last, before, content, changes);
    (shown === undefined ? all.toolChanges : all.changes).push(...changes);
    all.shown[mount.target] = { content, shown: shown ?? content };
  }
  for (const [name, id] of unseenSteps(step.op)) {
    const content = running.told.results.get(id) as SnapshotId;
    all.fresh[name] = { content, shown: content };
    all.shown[name] = { content, shown: content };
    const before = last?.mounts[name];
    if (before !== undefined) all.toolChanges.push(...running.warm.compare(before.content, content));
  }
  return all;
}

/** Steps that decide what a run does without being its base or shown to it, by names that no target has. */
export function unseenSteps({ root, mounts }: RunOp): [string, StepId][] {
  const builder: [string, StepId][] =
    root.type === 'builder' && root.builder !== 'host' ? [['builder', root.builder.step]] : [];
  const origins = mounts.flatMap((mount): [string, StepId][] =>
    mount.type === 'cache' && mount.from ? [[`origin of ${mount.target}`, mount.from.step]] : [],
  );
  return [...builder, ...origins];
}

/** Undefined where the form that was shown last can't take the changes. */
async function bringUp(
  { warm, keyed, lane }: Running,
  { seenNs }: WarmPart,
  { content: base, shown: result }: WarmMount,
  content: SnapshotId,
  changes: readonly TreeChange[],
): Promise<SnapshotId | undefined> {
  if (changes.length === 0) return result;
  const carried = await warm.carry(keyed.step, { result, base, changes, seenNs }, content, lane.signal);
  return carried.outcome === 'done' ? carried.snapshot : undefined;
}
