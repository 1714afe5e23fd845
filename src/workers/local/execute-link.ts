/** Lays a step's files over a base: a `COPY --link`. On overlay their folders go into the stack, so its cost is that of a fork. */
import { linkSync } from 'node:fs';
import { join } from 'node:path';
import { copyMetadata, makeEntry } from '../../kit/copy-node.ts';
import { inTurns, type Work } from '../../kit/in-turns.ts';
import { fsPath } from '../../kit/names.ts';
import { removeTree } from '../../kit/tar/safe-root.ts';
import { joinPath, listFolder, lstatIfAny, readEntry } from '../../kit/walk.ts';
import type { LinkOp, SnapshotId } from '../../plan/index.ts';
import { newId } from '../../store/runs.ts';
import { findSnapshot } from '../../store/snapshots.ts';
import type { Store } from '../../store/store.ts';
import type { StepTask } from '../worker.ts';
import type { Workspace } from './snapshots/driver.ts';
import { stackFolders } from './snapshots/overlay.ts';
import type { Snapshots } from './snapshots/registry.ts';

export async function executeLink(
  store: Store,
  snapshots: Snapshots,
  op: LinkOp,
  task: StepTask,
  runDir: string,
): Promise<SnapshotId> {
  const startedMs = performance.now();
  const files = task.snapshotOf(op.step);
  const { base } = task;
  const key = task.isUnfiled ? undefined : task.key;
  const { stage, title } = task.step;
  const commit = (workspace: Workspace, onResult?: SnapshotId) => {
    const durationMs = performance.now() - startedMs;
    return snapshots.commit(workspace, { key, parent: base, onResult, stage, title, durationMs });
  };
  const workspace = snapshots.fork(base);
  try {
    const { driver } = snapshots;
    if (driver.fold === undefined) {
      await inTurns(layOver(snapshots.mountView(files), workspace.root, new Map()), task.signal);
      return commit(workspace);
    }
    const row = findSnapshot(store.db, files);
    if (row?.folders.length === 1 && row.parent === null) return commit(workspace, files);
    // A copy that started from an earlier one may hide what that had: in this stack it would hide what the base has.
    const folded = driver.fold(stackFolders(snapshots.stackOf(files)), [], join(runDir, newId()));
    copyMetadata(readEntry(workspace.root, ''), folded.root);
    snapshots.discard(workspace);
    return commit(folded);
  } catch (error) {
    snapshots.discard(workspace);
    throw error;
  }
}

/** Copies the content of folder `from` into folder `to`; a folder in the place of a folder gives it its metadata. */
function* layOver(from: string, to: string, firstNames: Map<string, string>): Work {
  for (const name of listFolder(from)) {
    const [source, target] = [joinPath(from, name), joinPath(to, name)];
    const entry = readEntry(source, '');
    const there = lstatIfAny(target);
    if (there !== undefined && !(entry.type === 'directory' && there.isDirectory())) removeTree(target);
    const first = entry.inode === undefined ? undefined : firstNames.get(entry.inode);
    if (first !== undefined) {
      linkSync(fsPath(first), fsPath(target));
      continue;
    }
    if (entry.inode !== undefined) firstNames.set(entry.inode, target);
    if (entry.type === 'directory' && there?.isDirectory()) {
      yield* layOver(source, target, firstNames);
      copyMetadata(entry, target);
      continue;
    }
    makeEntry(entry, source, target);
    yield;
    if (entry.type !== 'directory') continue;
    yield* layOver(source, target, firstNames);
    // What was put into it changed its time.
    copyMetadata(entry, target);
  }
}
