/** What images need of snapshots. A worker provides it; images know nothing of drivers. */
import type { Change } from '../kit/tree.ts';
import type { SnapshotId, StepKey } from '../plan/index.ts';

export interface SnapshotReader {
  /** A snapshot and all it stands on, the lowest first. */
  lineage(id: SnapshotId): SnapshotId[];
  /** What a snapshot changes against its parent, sorted by path (byte order of UTF-16 units), folders before their content. */
  changes(id: SnapshotId): Iterable<Change>;
  /** Mounts the snapshot read-only while `body` runs; `root` is a host folder. */
  view<T>(id: SnapshotId, body: (root: string) => Promise<T>): Promise<T>;
}

export interface SnapshotWriter {
  /**
   * The snapshot filed under `key`, made by `fill` (which writes into `root`, a host folder that shows the parent's
   * tree) when there is none yet. Safe against other processes that make the same; nothing is left when `fill` throws.
   */
  make(
    request: { key: StepKey; parent: SnapshotId | undefined; stage: string; title: string },
    fill: (root: string) => Promise<void>,
  ): Promise<SnapshotId>;
}
