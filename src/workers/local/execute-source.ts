/** Brings in a root filesystem from elsewhere: a folder by our own copy, images through src/images. */
import type { SnapshotWriter } from '../../images/ports.ts';

import type { Copy, CopyOp, RemoteSource, SnapshotId, Source, SourceOp } from '../../plan/index.ts';
import { lease, type Run, withLock } from '../../store/runs.ts';
import { findKey } from '../../store/snapshots.ts';
import type { Store } from '../../store/store.ts';
import type { StepTask } from '../worker.ts';
import type { Contents } from './copy/content.ts';
import { executeCopy } from './copy/execute.ts';
import type { Snapshots } from './snapshots/registry.ts';

/** A folder of the host that becomes a root filesystem: with its owners, unlike a copy. */
export function folderCopy(path: string): Copy {
  return { from: { type: 'folder', path, keepOwners: true }, paths: ['.'], dest: '/' };
}

export function isRemote(source: Source): source is RemoteSource {
  return source.type === 'http' || source.type === 'git';
}

export async function executeSource(
  store: Store,
  snapshots: Snapshots,
  contents: Contents,
  run: Run,
  { source }: SourceOp,
  task: StepTask,
  identity: Readonly<Record<string, string>>,
): Promise<SnapshotId> {
  if (source.type === 'folder') {
    const op: CopyOp = { type: 'copy', copies: [folderCopy(source.path)] };
    return executeCopy(store, snapshots, contents, op, task, run.dir);
  }
  if (isRemote(source)) {
    const { fillFromRemote } = await import('./remote/index.ts');
    const { key, signal } = task;
    const { stage, title } = task.step;
    // The scheduler holds the lock on the key already.
    return fork(snapshots, { key, parent: undefined, stage, title }, (root) =>
      fillFromRemote(store, source, root, run.dir, signal),
    );
  }
  const { importSource } = await import('../../images/index.ts');
  const { key, step, signal } = task;
  const writer = snapshotWriter(store, snapshots, run, signal);
  const context = { store, snapshots, run, signal };
  return importSource(context, writer, source, {
    key,
    stage: step.stage,
    title: step.title,
    ...(identity['content'] !== undefined && { identity: identity['content'] }),
    onProgress: (line) => task.onOutput('stderr', `${line}\n`),
  });
}

/** Makes snapshots for imports, each under the lock of its key, so that nobody unpacks a layer twice. */
export function snapshotWriter(
  store: Store,
  snapshots: Snapshots,
  run: Run,
  signal: AbortSignal,
): SnapshotWriter {
  return {
    make: ({ key, parent, stage, title }, fill) =>
      withLock(store, key, { onWait: () => {}, signal }, async () => {
        const hit = findKey(store.db, key);
        if (hit && lease(store, run, hit.snapshot)) return hit.snapshot;
        return fork(snapshots, { key, parent, stage, title }, fill);
      }),
  };
}

/** Commits a fork of `parent` that `fill` has written to; nothing is left when it throws. */
async function fork(
  snapshots: Snapshots,
  facts: Parameters<SnapshotWriter['make']>[0],
  fill: (root: string) => Promise<void>,
): Promise<SnapshotId> {
  const startedMs = performance.now();
  const workspace = snapshots.fork(facts.parent, { getsMany: true });
  try {
    await fill(workspace.root);
    return snapshots.commit(workspace, { ...facts, durationMs: performance.now() - startedMs });
  } catch (error) {
    snapshots.discard(workspace);
    throw error;
  }
}
