/**
 * What a snapshot driver does. A driver knows folders and mounts, not the database: what it needs of a snapshot
 * comes as an argument (`SnapshotRecord`), so that drivers stay small and one conformance suite holds for all.
 */
import type { Change } from '../../../kit/tree.ts';
import type { SnapshotId } from '../../../plan/index.ts';

/** What the store knows of a snapshot, as far as a driver needs it. */
export interface SnapshotRecord {
  id: SnapshotId;
  /**
   * Names of the folders below `snapshots/` that hold this snapshot's own change, top first. Overlay: one, or several
   * when a copy started from the last result of the same copy. btrfs: one subvolume with the whole tree.
   */
  folders: readonly string[];
  /** A folder that stands for this snapshot and those below it that the stack leaves out. */
  folded?: string | null;
}

/** A snapshot and all that it stands on, itself first; a driver without `fold` gets the first two. Empty: an empty folder. */
export type Stack = readonly SnapshotRecord[];

/** A mutable fork in which a step runs. */
export interface Workspace {
  /** Host folder that holds the workspace's files. */
  dir: string;
  /** Host path of the filesystem, until it is released. */
  root: string;
}

/** What a workspace held when it was captured: plain data, of whose meaning only the driver knows. */
export interface Seen {
  /** What tells an entry from another one at its path. */
  id: string;
  inner?: Record<string, Seen>;
}

/** A path that may differ. `whole`: so may all below it, and none of that is told. */
export interface Suspect {
  path: string;
  whole: boolean;
}

/** All folders are given by absolute host path, but for names of folders below `snapshots/`. */
export interface SnapshotDriver {
  readonly name: 'overlay' | 'btrfs';
  /**
   * Makes a workspace in `dir` (which must not exist) on top of `stack` and mounts it. O(1). `below`: a folder whose entries may
   * show where the stack has none while it is mounted; they are no part of the workspace.
   */
  fork(stack: Stack, dir: string, below?: string): Workspace;
  /** Ends the mount of a workspace; its files stay. */
  release(workspace: Workspace): void;
  /** Turns a released workspace into the folder `name` below snapshots/. O(1), atomic. */
  commit(workspace: Workspace, name: string): void;
  /** Removes a workspace's files, whatever state they are in. */
  discard(dir: string): void;
  /** Mounts a snapshot at `at`, an existing empty folder, read-only. */
  view(stack: Stack, at: string): void;
  /** Mounts a workspace that was kept (of a failed step) again, writable. */
  reopen(stack: Stack, dir: string): Workspace;
  /** What the snapshot at the top of `stack`, by its own folders, changes against the rest of it, sorted by path, folders first. */
  diff(stack: Stack): Iterable<Change>;
  /** Host path of one file of a snapshot, found without a mount; undefined when absent. No links are followed. */
  locate(stack: Stack, path: string): string | undefined;
  /** Where the trees of two stacks may differ, sorted by folder. Costs what was changed since they parted. */
  between(before: Stack, after: Stack): Iterable<Suspect>;
  /**
   * Makes a workspace in `dir` (which must not exist) whose one folder changes `below` as `folders` (top first) do together: on nothing,
   * it is their union. Undefined where a snapshot's folder is the whole tree, and stacks have no depth.
   */
  fold?(folders: readonly string[], below: Stack, dir: string): Workspace;
  /**
   * Makes a workspace in `dir` (which must not exist) of what `live` holds now, on top of its last capture, which `seen` tells of:
   * `live` goes on. Nobody may write to it meanwhile. Costs what changed in it since it was forked, at most.
   */
  capture(live: Workspace, dir: string, seen: Seen | undefined): { workspace: Workspace; seen: Seen };
  /** Removes a folder below snapshots/. */
  remove(folder: string): void;
}
