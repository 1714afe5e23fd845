/**
 * Which paths a run has read or changed: those of its base, and those that it or runs before it made. Opening is seen by the kernel's fanotify; what was renamed, linked,
 * removed or had its metadata changed is seen in the result. Looking at a name or its metadata alone is not seen.
 */
import { join, posix } from 'node:path';
import { watchOpens } from '../../../kit/fanotify.ts';
import { lstatIfAny, typeOf } from '../../../kit/walk.ts';
import type { RunOp, SnapshotId } from '../../../plan/index.ts';
import type { ReadKind, Reads } from '../../../store/warm.ts';
import type { OwnUses } from '../../warm.ts';
import type { Snapshots } from '../snapshots/registry.ts';
import { folderCheck } from './real-folders.ts';

export interface Trace {
  /** Ends watching, also when nobody wants to know. */
  stop(): void;
  /**
   * The paths, once the run's result is committed; a folder that was removed or replaced, with a `/` at its end, stands for
   * all below it. Undefined where some may be missing.
   */
  uses(result: SnapshotId): Uses | undefined;
}

export interface Uses {
  /** Of the base. */
  reads: Reads;
  own: OwnUses;
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
  /** What it made in the run before, by paths, is of interest. */
  asksForOwn: boolean;
  /** Files that the worker put into the workspace, with their times: of interest only if the run touched them. */
  made: ReadonlyMap<string, bigint>;
  /** What earlier runs of the same did: what they opened is a file of the base, and isn't looked at again. */
  known?: Reads | undefined;
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
    uses(result) {
      stop();
      if (opened === undefined) return undefined;
      const view = snapshots.mountView(base);
      const isFolder = folderCheck(view);
      const typeInBase = (path: string) => {
        const stats = isFolder(posix.dirname(path)) ? lstatIfAny(join(view, path)) : undefined;
        return stats && typeOf(stats);
      };
      const reads = new Map<string, ReadKind>();
      const { paths, touched, ...names } = touchedPaths(request, result, typeInBase);
      for (const path of paths) reads.set(path, 'changed');
      for (const [shown, use] of opened) {
        const path = pathOf(request.op, shown);
        if (path === undefined) continue;
        const type = isOpened(request.known, path) ? 'file' : typeInBase(path);
        if (type === 'file') reads.set(path, use);
        else if (type === undefined && request.asksForOwn) touched.add(path);
      }
      return { reads, own: { touched, ...names } };
    },
  };
}

function isOpened(reads: Reads | undefined, path: string): boolean {
  const use = reads?.get(path);
  return use === 'opened' || use === 'started';
}

/** The path in the snapshot of what a run sees as `shown`. */
function pathOf({ root }: TraceRequest['op'], shown: string): string | undefined {
  if (root.type === 'snapshot') return posix.join(root.path, shown).slice(1);
  return shown.startsWith(`${root.work}/`) ? shown.slice(root.work.length + 1) : undefined;
}

/** What is not as it was before the run: `paths` are of the base, all else is not. */
function touchedPaths(
  { snapshots, start, made, asksForOwn }: TraceRequest,
  result: SnapshotId,
  typeInBase: (path: string) => string | undefined,
): { paths: string[]; touched: Set<string>; added: string[]; removed: string[] } {
  return snapshots.between(start, result, ({ views, suspects }) => {
    const paths: string[] = [];
    const touched = new Set<string>();
    const added: string[] = [];
    const removed: string[] = [];
    const checks = new Map<string, ReturnType<typeof folderCheck>>();
    const isThere = (path: string, root: string) => {
      const isFolder = checks.get(root) ?? folderCheck(root);
      checks.set(root, isFolder);
      return isFolder(posix.dirname(path)) && lstatIfAny(join(root, path)) !== undefined;
    };
    for (const { path, whole } of suspects) {
      const type = typeInBase(path);
      if (type === undefined) {
        if (!asksForOwn) continue;
        touched.add(whole ? `${path}/` : path);
        const [was, is] = [isThere(path, views.before), isThere(path, views.after)];
        if (is && !was) added.push(path);
        if (was && !is) removed.push(path);
      } else if (type === 'directory') {
        if (whole) paths.push(`${path}/`);
      } else {
        const time = made.get(path);
        const stats = time === undefined ? undefined : lstatIfAny(join(views.after, path));
        const isAsMade = stats !== undefined && stats.nlink === 1n && time === stats.mtimeNs;
        if (!isAsMade) paths.push(path);
      }
    }
    return { paths, touched, added, removed };
  });
}
