/** Snapshots of one store: the driver's folders and the database's rows, kept in step. */
import { mkdirSync, rm } from 'node:fs';
import { basename, join } from 'node:path';
import type { SnapshotReader } from '../../../images/ports.ts';
import { isBtrfs } from '../../../kit/btrfs.ts';
import { errnoOf, outside } from '../../../kit/errors.ts';
import { spreadFolders } from '../../../kit/spread-folders.ts';
import { unmount } from '../../../kit/system.ts';
import type { SnapshotId, StepKey, StepUsage } from '../../../plan/index.ts';
import { throwAway } from '../../../store/rubbish.ts';
import { newId, type Run } from '../../../store/runs.ts';
import { deltasOf, findSnapshot, insertSnapshot, lineageOf } from '../../../store/snapshots.ts';
import type { Store } from '../../../store/store.ts';
import { btrfsDriver } from './btrfs.ts';
import type { SnapshotDriver, Stack, Suspect, Workspace } from './driver.ts';
import { overlayDriver } from './overlay.ts';
import { openStacks } from './stacks.ts';

/** Differences in a row that a warm result may stand on. */
const mostDeltas = 7;

interface Flat {
  parent: SnapshotId | undefined;
  folder: string;
}

export interface Snapshots extends SnapshotReader {
  readonly driver: SnapshotDriver;
  stackOf(id: SnapshotId | undefined): Stack;
  /** Forks `parent` into a workspace of this run. */
  fork(parent: SnapshotId | undefined, options?: ForkOptions): Workspace;
  /** Forks another snapshot's result, so that a copy need only apply a difference. */
  forkResult(result: SnapshotId): Workspace;
  /** Releases a workspace and files it. `onResult`: it was forked from this snapshot by `forkResult`. */
  commit(workspace: Workspace, request: CommitRequest): SnapshotId;
  discard(workspace: Workspace): void;
  /** Mounts a snapshot read-only; returns the host path. It stays until the process ends or `unmount`. */
  mountView(id: SnapshotId): string;
  /** Calls `body` with where two snapshots may differ, and folders that show them once it looks; `undefined`: an empty folder. */
  between<T>(
    before: SnapshotId | undefined,
    after: SnapshotId | undefined,
    body: (between: { views: { before: string; after: string }; suspects: Iterable<Suspect> }) => T,
  ): T;
}

export interface ForkOptions {
  /** See the driver. */
  below?: string | undefined;
  /** Many files will be made in it. */
  getsMany?: boolean;
}

export interface CommitRequest {
  /** Undefined in the warm lane, whose results no key may find. */
  key: StepKey | undefined;
  alias?: StepKey | undefined;
  parent: SnapshotId | undefined;
  onResult?: SnapshotId | undefined;
  /** `parent` is the last result of the same step: the snapshot holds what changed since. */
  isDelta?: boolean;
  /** `parent` is the result of an earlier part of the same step: the snapshot holds the changes of both. */
  joins?: boolean;
  stage: string;
  title: string;
  durationMs: number;
  usage?: StepUsage;
}

export function driverFor(store: Store): SnapshotDriver {
  const dir = join(store.dir, 'snapshots');
  return isBtrfs(dir) ? btrfsDriver(dir) : overlayDriver(dir);
}

export function openSnapshots(store: Store, run: Run): Snapshots {
  const driver = driverFor(store);
  const views = new Map<SnapshotId, string>();

  const { stackOf, madeOn } = openStacks(store, run, driver);
  const forkStack = (stack: Stack, below?: string) =>
    withFiles(() => driver.fork(stack, join(run.dir, newId()), below));

  /** Too many differences in a row become one, so that neither layers nor folders add up. */
  const flatten = (folder: string, parent: SnapshotId | undefined): Flat | undefined => {
    const rows = parent === undefined ? [] : deltasOf(store.db, parent);
    const whole = rows.findIndex(({ kind }) => kind !== 'delta');
    if (whole < mostDeltas) return undefined;
    const below = rows[whole]?.id;
    const to = { parent: below, folder };
    if (driver.fold === undefined) return to;
    const name = newId();
    const folders = [folder, ...rows.slice(0, whole).flatMap((row) => row.folders)];
    driver.commit(driver.fold(folders, stackOf(below), join(run.dir, name)), name);
    return { ...to, folder: name };
  };

  const joinParts = (folder: string, parent: SnapshotId | undefined) => {
    const own = parent === undefined ? [] : deltasOf(store.db, parent);
    const below = own.at(-1)?.parent ?? undefined;
    if (driver.fold === undefined) return { parent: below };
    return { parent: below, folders: [folder, ...own.flatMap(({ folders }) => folders)] };
  };

  const foldersOf = (id: SnapshotId | undefined) => (id && findSnapshot(store.db, id)?.folders) ?? [];

  /** The stacks of both. Where they are folded differently, the folds hide what they share: then as they were before. */
  const apart = (before: SnapshotId | undefined, after: SnapshotId | undefined): [Stack, Stack] => {
    const stacks: [Stack, Stack] = [stackOf(before), stackOf(after)];
    const folds = stacks.map((stack) => stack.flatMap(({ folded }) => folded ?? []).join());
    if (folds[0] === folds[1]) return stacks;
    const whole = (id: SnapshotId | undefined): Stack => (id === undefined ? [] : lineageOf(store.db, id));
    return [whole(before), whole(after)];
  };

  const snapshots: Snapshots = {
    driver,
    stackOf,
    fork(parent, { below, getsMany = false } = {}) {
      if (getsMany) spreadFolders(run.dir);
      return forkStack(stackOf(parent), below);
    },
    forkResult: (result) => forkStack(stackOf(result)),
    commit(workspace, request) {
      const folder = basename(workspace.dir);
      const id = folder as SnapshotId;
      driver.release(workspace);
      driver.commit(workspace, folder);
      let flat: Flat | undefined;
      try {
        const below = driver.name === 'overlay' ? foldersOf(request.onResult) : [];
        flat = request.isDelta ? flatten(folder, request.parent) : undefined;
        const joined = request.joins ? joinParts(folder, request.parent) : undefined;
        insertSnapshot(store.db, {
          ...request,
          id,
          driver: driver.name,
          folders: [folder, ...below],
          run: run.id,
          ...(flat && { parent: flat.parent, folders: [flat.folder] }),
          ...joined,
        });
      } catch (error) {
        // No row names it, so nothing would remove it: on a full disk this is what fills it.
        driver.remove(folder);
        throw error;
      }
      removeLater(workspace.dir);
      if (flat === undefined && !request.joins) madeOn(id, request.parent);
      if (flat !== undefined && flat.folder !== folder) {
        driver.discard(join(run.dir, flat.folder));
        driver.remove(folder);
      }
      return id;
    },
    discard(workspace) {
      driver.release(workspace);
      discardTree(store, driver, workspace.dir);
    },
    mountView(id) {
      const known = views.get(id);
      if (known !== undefined) return known;
      const at = join(run.dir, `view-${id}`);
      mkdirSync(at);
      withFiles(() => driver.view(stackOf(id), at));
      views.set(id, at);
      return at;
    },
    between(before, after, body) {
      const own: string[] = [];
      const show = (id: SnapshotId | undefined) => {
        const known = id && views.get(id);
        if (known !== undefined) return known;
        const at = join(run.dir, `view-${newId()}`);
        mkdirSync(at);
        own.push(at);
        if (id !== undefined) withFiles(() => driver.view(stackOf(id), at));
        return at;
      };
      try {
        let left: string | undefined;
        let right: string | undefined;
        const views = {
          get before() {
            left ??= show(before);
            return left;
          },
          get after() {
            right ??= show(after);
            return right;
          },
        };
        return body({ views, suspects: driver.between(...apart(before, after)) });
      } finally {
        for (const at of own) unmount(at);
      }
    },
    lineage: (id) =>
      lineageOf(store.db, id)
        .map((row) => row.id)
        .reverse(),
    changes(id) {
      const row = findSnapshot(store.db, id);
      if (row === undefined) throw new Error(`snapshot ${id} has no row`);
      return driver.diff([row, ...stackOf(row.parent ?? undefined)]);
    },
    async view(id, body) {
      const at = join(run.dir, `view-${newId()}`);
      mkdirSync(at);
      withFiles(() => driver.view(stackOf(id), at));
      try {
        return await body(at);
      } finally {
        unmount(at);
      }
    },
  };
  return snapshots;
}

/** Removes a workspace that has no mounts any more; a large one, which takes long, beside the work of a later command. */
export function discardTree(store: Store, driver: SnapshotDriver, dir: string): void {
  // A subvolume goes at once, whatever its size.
  if (driver.name === 'btrfs' || !throwAway(store, dir)) driver.discard(dir);
}

/**
 * Removes what a commit left, its empty folders, while the next step runs already: to remove a folder is to wait for the disk, a millisecond
 * each on ext4. What is still there at the end of the run goes with its folder.
 */
function removeLater(dir: string): void {
  rm(dir, { recursive: true, force: true }, () => {});
}

/** Says what a missing folder of a snapshot means: somebody removed it, for no row is without its files. */
function withFiles<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw outside('missing-snapshot', 'Files of a snapshot are gone from the store.', {
      cause: error,
      hint: 'Run `cambium doctor --repair`, and build again.',
    });
  }
}
