/** Which snapshots a prune may take: pure decisions over the rows of the store. */
import type { SnapshotId } from '../../../plan/index.ts';

export interface CachedSnapshot {
  id: SnapshotId;
  parent: SnapshotId | null;
  bytes: number;
  lastUsedMs: number;
}

export interface PrunePolicy {
  /** Only what was not used since then. */
  notUsedSinceMs?: number;
  /** Only as much as brings the cache down to this, the longest unused first. */
  keepBytes?: number;
}

/**
 * The snapshots to remove, children before their parents. Nothing of `needed`, nor what it stands on, is among them;
 * and nothing that a snapshot which stays stands on.
 */
export function selectForPrune(
  snapshots: readonly CachedSnapshot[],
  needed: ReadonlySet<SnapshotId>,
  policy: PrunePolicy,
): CachedSnapshot[] {
  const byId = new Map(snapshots.map((snapshot) => [snapshot.id, snapshot]));
  const kept = withAncestors(byId, needed);
  const free = snapshots.filter(({ id }) => !kept.has(id));
  const usedAt = lastUseWithDescendants(byId, free);
  const depths = new Map(free.map((snapshot) => [snapshot.id, ancestorsOf(byId, snapshot.id).length]));
  // A parent was used when its children were: so oldest first, the deeper of equals first, never leaves an orphan.
  const order = [...free].sort(
    (a, b) =>
      (usedAt.get(a.id) as number) - (usedAt.get(b.id) as number) ||
      (depths.get(b.id) as number) - (depths.get(a.id) as number),
  );
  const oldest = policy.notUsedSinceMs ?? Number.POSITIVE_INFINITY;
  const old = order.filter(({ id }) => (usedAt.get(id) as number) < oldest);
  if (policy.keepBytes === undefined) return old;

  let total = snapshots.reduce((sum, { bytes }) => sum + bytes, 0);
  const selected: CachedSnapshot[] = [];
  for (const snapshot of old) {
    if (total <= policy.keepBytes) break;
    selected.push(snapshot);
    total -= snapshot.bytes;
  }
  return selected;
}

type ById = ReadonlyMap<SnapshotId, CachedSnapshot>;

/** The snapshot itself and all that it stands on. */
function ancestorsOf(byId: ById, id: SnapshotId): SnapshotId[] {
  const ids: SnapshotId[] = [];
  for (let at: SnapshotId | null = id; at !== null; at = byId.get(at)?.parent ?? null) ids.push(at);
  return ids;
}

function withAncestors(byId: ById, ids: Iterable<SnapshotId>): Set<SnapshotId> {
  return new Set([...ids].flatMap((id) => ancestorsOf(byId, id)));
}

function lastUseWithDescendants(byId: ById, snapshots: readonly CachedSnapshot[]): Map<SnapshotId, number> {
  const usedAt = new Map<SnapshotId, number>();
  for (const { id, lastUsedMs } of snapshots) {
    for (const at of ancestorsOf(byId, id)) usedAt.set(at, Math.max(usedAt.get(at) ?? 0, lastUsedMs));
  }
  return usedAt;
}
