/**
 * Runs a copy step. It starts from a whole earlier result of the same copy on the same parent, where there is one, and
 * applies the difference of the two lists; what comes out is bit for bit what a fresh copy gives.
 */
import { deflateSync, inflateSync, constants as zlibConstants } from 'node:zlib';
import { canonicalJson, sha256 } from '../../../kit/digest.ts';
import { lstat, typeOf } from '../../../kit/walk.ts';
import type { CopyOp, SnapshotId } from '../../../plan/index.ts';
import { findSnapshot } from '../../../store/snapshots.ts';
import type { Store } from '../../../store/store.ts';
import type { StepTask } from '../../worker.ts';
import { lookUpOwner } from '../runtimes/users.ts';
import type { Workspace } from '../snapshots/driver.ts';
import type { Snapshots } from '../snapshots/registry.ts';
import { applyAll, applyDifference } from './apply.ts';
import { unpackArchives } from './archives.ts';
import type { Contents } from './content.ts';
import { type Image, lookInto } from './image.ts';
import {
  type CopyInput,
  compareTargets,
  type Difference,
  listTargets,
  type Target,
  type TargetList,
} from './targets.ts';

/** A difference of more than this part of all targets is not worth stacking: the copy is made anew. */
const largestDifference = 0.2;

/** `scratch`: a host folder for archives that are unpacked first; the caller removes it. */
export async function executeCopy(
  store: Store,
  snapshots: Snapshots,
  contents: Contents,
  op: CopyOp,
  task: StepTask,
  scratch: string,
): Promise<SnapshotId> {
  const startedMs = performance.now();
  const parent = snapshots.stackOf(task.base);
  const locate: Locate = (path) => (path === '' ? undefined : snapshots.driver.locate(parent, path));
  const image = lookInto(locate);
  const inputs = op.copies.map((copy) => withOwner(contents.input(copy, task.snapshotOf), image));
  const list = listTargets(await unpackArchives(inputs, scratch, task.signal), image);
  // The earliest time that every archive format knows.
  if (op.times === 'fixed') for (const target of list.targets) target.mtime = '315532800000000000';
  const slot = slotOf(op, task);
  const last = lastResult(store, slot, list, locate);
  const workspace = last ? snapshots.forkResult(last.snapshot) : snapshots.fork(task.base);
  const snapshot = finish(snapshots, workspace, () => {
    if (last)
      applyDifference(
        workspace.root,
        list,
        last.difference,
        (path) => path === '' || locate(path) !== undefined,
      );
    else applyAll(workspace.root, list);
    return snapshots.commit(workspace, {
      key: task.key,
      alias: task.alias,
      parent: task.base,
      onResult: last?.snapshot,
      stage: task.step.stage,
      title: task.step.title,
      durationMs: performance.now() - startedMs,
    });
  });
  if (!last) rememberResult(store, slot, snapshot, list);
  return snapshot;
}

/** Host path of what the parent has at a path of the image; no links followed. */
type Locate = (path: string) => string | undefined;

/** Discards the workspace when `body` throws. */
function finish<T>(snapshots: Snapshots, workspace: Workspace, body: () => T): T {
  try {
    return body();
  } catch (error) {
    snapshots.discard(workspace);
    throw error;
  }
}

/** Names of users and groups are those of the image. */
function withOwner(input: CopyInput, image: Image): CopyInput {
  const { owner } = input.copy;
  if (owner === undefined) return input;
  return { ...input, owner: 'name' in owner ? lookUpOwner(image.readFile, owner.name) : owner };
}

/** All that decides the result but the content, wherever that is: on the same parent, the same copies. */
function slotOf(op: CopyOp, task: StepTask): string {
  const copies = op.copies.map(({ from, ...rest }) => ({
    ...rest,
    from: from.type,
  }));
  return sha256(canonicalJson([task.base ?? null, copies, op.times ?? null]));
}

/** The last whole result and what is different now, if starting from it gives the same as a fresh copy. */
function lastResult(
  store: Store,
  slot: string,
  list: TargetList,
  locate: Locate,
): { snapshot: SnapshotId; difference: Difference } | undefined {
  const row = store.db.prepare('SELECT snapshot, manifest FROM copy_slots WHERE slot = ?').get(slot) as
    | { snapshot: SnapshotId; manifest: Uint8Array }
    | undefined;
  if (row === undefined || findSnapshot(store.db, row.snapshot) === undefined) return undefined;
  const before = JSON.parse(inflateSync(row.manifest).toString()) as Target[];
  const difference = compareTargets(before, list.targets);
  const { removed, changed, touched } = difference;
  if (removed.length + changed.length + touched.length > 8 + list.targets.length * largestDifference)
    return undefined;
  // A new name of an old inode, or a new inode for one of several names, would not be linked as in a fresh copy.
  if ([...before, ...list.targets].some((target) => target.sameAs !== undefined)) return undefined;
  // What the parent has at a removed path would have to show again; a replaced folder would hide what is below it.
  if (removed.some((target) => locate(target.path) !== undefined || passesLink(target.path, locate)))
    return undefined;
  return { snapshot: row.snapshot, difference };
}

/** Whether the way to a path leads over a symlink of the parent, so that the path itself says nothing. */
function passesLink(path: string, locate: Locate): boolean {
  const names = path.split('/').slice(0, -1);
  return names.some((_, index) => {
    const host = locate(names.slice(0, index + 1).join('/'));
    return host !== undefined && typeOf(lstat(host)) === 'symlink';
  });
}

function rememberResult(store: Store, slot: string, snapshot: SnapshotId, list: TargetList): void {
  if (list.targets.length < 50) return;
  const manifest = deflateSync(JSON.stringify(list.targets), { level: zlibConstants.Z_BEST_SPEED });
  store.db
    .prepare('INSERT OR REPLACE INTO copy_slots (slot, snapshot, manifest) VALUES (?, ?, ?)')
    .run(slot, snapshot, manifest);
}
