/**
 * Which paths of its base a run has read or changed. Opening is seen by the kernel's fanotify; what was renamed, linked,
 * removed or had its metadata changed is seen in the result. Looking at a name or its metadata alone is not seen.
 */
import { join, posix } from 'node:path';
import { watchOpens } from '../../../kit/fanotify.ts';
import { lstatIfAny, typeOf } from '../../../kit/walk.ts';
import type { RunOp, SnapshotId } from '../../../plan/index.ts';
import type { ReadKind, Reads } from '../../../store/warm.ts';
import type { Snapshots } from '../snapshots/registry.ts';
import { folderCheck } from './real-folders.ts';

export interface Trace {
  /** Ends watching, also when nobody wants to know. */
  stop(): void;
  /**
   * The paths, once the run's result is committed; a folder that was removed or replaced, with a `/` at its end, stands for
   * all below it. Undefined where some may be missing.
   */
  reads(result: SnapshotId): Reads | undefined;
}

export interface TraceRequest {
  snapshots: Snapshots;
  /** Where the run's filesystem is mounted. */
  root: string;
  /** What is run: says where of the file system its root folder is. */
  op: Pick<RunOp, 'root'>;
  /** What the workspace was forked from. */
  start: SnapshotId | undefined;
  /** What the step runs on. */
  base: SnapshotId | undefined;
  /** Files that the worker put into the workspace, with their times: of interest only if the run touched them. */
  made: ReadonlyMap<string, bigint>;
}

/** Starts right before a run. Undefined where it can't be watched. */
export function startTrace(request: TraceRequest): Trace | undefined {
  const { snapshots, root, base } = request;
  if (base === undefined) return undefined;
  const watch = watchOpens(root);
  if (watch === undefined) return undefined;
  let opened: ReturnType<typeof watch.stop>;
  let isOver = false;
  const stop = () => {
    if (!isOver) opened = watch.stop();
    isOver = true;
  };
  return {
    stop,
    reads(result) {
      stop();
      if (opened === undefined) return undefined;
      const view = snapshots.mountView(base);
      const isFolder = folderCheck(view);
      const typeInBase = (path: string) => {
        const stats = isFolder(posix.dirname(path)) ? lstatIfAny(join(view, path)) : undefined;
        return stats && typeOf(stats);
      };
      const reads = new Map<string, ReadKind>();
      for (const path of touchedPaths(request, result, typeInBase)) reads.set(path, 'changed');
      for (const [shown, use] of opened) {
        const path = pathOf(request.op, shown);
        if (path !== undefined && typeInBase(path) === 'file') reads.set(path, use);
      }
      return reads;
    },
  };
}

/** The path in the snapshot of what a run sees as `shown`. */
function pathOf({ root }: TraceRequest['op'], shown: string): string | undefined {
  if (root.type === 'snapshot') return posix.join(root.path, shown).slice(1);
  return shown.startsWith(`${root.work}/`) ? shown.slice(root.work.length + 1) : undefined;
}

function touchedPaths(
  { snapshots, start, made }: TraceRequest,
  result: SnapshotId,
  typeInBase: (path: string) => string | undefined,
): string[] {
  return snapshots.between(start, result, ({ after, suspects }) =>
    [...suspects].flatMap(({ path, whole }) => {
      const type = typeInBase(path);
      if (type === undefined) return [];
      if (type === 'directory') return whole ? [`${path}/`] : [];
      const stats = lstatIfAny(join(after, path));
      const isAsMade = stats !== undefined && stats.nlink === 1n && made.get(path) === stats.mtimeNs;
      return isAsMade ? [] : [path];
    }),
  );
}
