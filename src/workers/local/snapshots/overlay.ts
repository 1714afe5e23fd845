/**
 * Snapshots as stacks of folders under overlayfs, on any file system. A snapshot's folder is the upper folder of the
 * overlay in which its step ran: whiteouts are character devices 0:0, opaque folders carry trusted.overlay.opaque
 * (Documentation/filesystems/overlayfs.rst of Linux).
 */
import { linkSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { copyMetadata, copyNode } from '../../../kit/copy-node.ts';
import { fsPath } from '../../../kit/names.ts';
import { bindMount, mountOverlay, unmount } from '../../../kit/system.ts';
import type { Change, Entry } from '../../../kit/tree.ts';
import {
  joinPath,
  listFolder,
  lstat,
  lstatIfAny,
  readEntry,
  sameMetadata,
  typeOf,
} from '../../../kit/walk.ts';
import { isOpaque, isWhiteout } from '../../../kit/whiteouts.ts';
import type { SnapshotDriver, Stack, Workspace } from './driver.ts';

export function overlayDriver(snapshotsDir: string): SnapshotDriver {
  const folderOf = (name: string) => join(snapshotsDir, name);
  const ownFolders = (stack: Stack) => stack[0]?.folders.map(folderOf) ?? [];
  const allFolders = (stack: Stack) => stackFolders(stack).map(folderOf);

  const mountWorkspace = (stack: Stack, dir: string): Workspace => {
    const upper = join(dir, 'fs');
    const lowers = allFolders(stack);
    if (lowers.length === 0) return { dir, root: upper };
    const root = join(dir, 'root');
    const work = join(dir, 'work');
    // A work folder of an earlier mount says 'volatile' and would be refused.
    rmSync(work, { recursive: true, force: true });
    for (const folder of [work, root]) mkdirSync(folder, { recursive: true });
    mountOverlay({ lowers, upper: { dir: upper, work }, at: root });
    return { dir, root };
  };

  return {
    name: 'overlay',
    fork(stack, dir) {
      const upper = join(dir, 'fs');
      mkdirSync(upper, { recursive: true });
      // The root folder's own metadata is that of the parent's root.
      const parent = allFolders(stack)[0];
      if (parent !== undefined) copyMetadata(readEntry(parent, ''), upper);
      return mountWorkspace(stack, dir);
    },
    reopen: mountWorkspace,
    release({ dir, root }) {
      if (root !== join(dir, 'fs')) unmount(root);
    },
    commit: ({ dir }, name) => renameSync(join(dir, 'fs'), folderOf(name)),
    discard(dir) {
      unmount(join(dir, 'root'));
      rmSync(dir, { recursive: true, force: true });
    },
    view(stack, at) {
      const lowers = allFolders(stack);
      // An overlay without an upper folder needs two lower ones.
      if (lowers.length > 1) mountOverlay({ lowers, at });
      else if (lowers[0] !== undefined) bindMount(lowers[0], at, { readonly: true });
    },
    *diff(stack) {
      const own = ownFolders(stack);
      if (own[0] === undefined) return;
      const below = allFolders(stack.slice(1));
      yield* rootChange(own[0], below[0]);
      yield* walkFolders(own, '', below);
    },
    locate: (stack, path) => locateIn(allFolders(stack), path),
    fold(stack, dir) {
      mkdirSync(dir);
      const root = join(dir, 'fs');
      foldInto(allFolders(stack), root);
      return { dir, root };
    },
    remove: (folder) => rmSync(folderOf(folder), { recursive: true, force: true }),
  };
}

/** Names of the folders that a mount of `stack` takes, top first. */
export function stackFolders(stack: Stack): string[] {
  const names: string[] = [];
  for (const record of stack) {
    if (record.folded) return [...names, record.folded];
    names.push(...record.folders);
  }
  return names;
}

/** The root folder itself, when it isn't like its parent's. Its time alone is no change: any entry sets that. */
function* rootChange(own: string, parent: string | undefined): Generator<Change> {
  const entry = readEntry(own, '');
  const isSame =
    parent !== undefined && sameMetadata(entry, { ...readEntry(parent, ''), mtimeNs: entry.mtimeNs });
  if (!isSame) yield { kind: 'present', entry, content: own };
}

/**
 * What `folders` (top first) together change. A whiteout of an upper one only cancels what a lower one of them holds:
 * a delta copy never removes what its parent has (see copy/). A folder that only lies on the way to a change, or held a
 * mount, is none: it is as in `below`, the folders of the parent.
 */
function* walkFolders(folders: readonly string[], path: string, below: readonly string[]): Generator<Change> {
  for (const name of namesIn(folders)) {
    const at = joinPath(path, name);
    const holders = folders.filter((folder) => lstatIfAny(join(folder, name)) !== undefined);
    const top = join(holders[0] as string, name);
    const stats = lstat(top);
    if (isWhiteout(stats)) {
      if (holders.length === 1) yield { kind: 'deleted', path: at };
      continue;
    }
    const entry = readEntry(top, at, stats);
    if (entry.type !== 'directory') {
      yield { kind: 'present', entry, content: top };
      continue;
    }
    const { merged, opaque } = mergedFolders(holders.map((folder) => join(folder, name)));
    const inner = walkFolders(merged, at, opaque ? [] : below);
    const first = inner.next();
    if (opaque) yield { kind: 'present', entry, content: top, opaque };
    // A folder on the way to a change is told too: who unpacks it would leave it with a time of its own.
    else if (!first.done || !isAsBelow(entry, below)) yield { kind: 'present', entry, content: top };
    if (first.done) continue;
    yield first.value;
    yield* inner;
  }
}

function isAsBelow(entry: Entry, below: readonly string[]): boolean {
  const found = locateIn(below, entry.path);
  return found !== undefined && sameMetadata(entry, readEntry(found, entry.path));
}

function namesIn(folders: readonly string[]): string[] {
  if (folders.length === 1) return listFolder(folders[0] as string);
  return [...new Set(folders.flatMap(listFolder))].sort();
}

/** The folders of one path that show through, and whether the lowest of them hides what the parent has there. */
function mergedFolders(folders: readonly string[]): { merged: string[]; opaque: boolean } {
  const merged: string[] = [];
  for (const folder of folders) {
    const stats = lstat(folder);
    if (typeOf(stats) !== 'directory') break;
    merged.push(folder);
    if (isOpaque(folder)) break;
  }
  const lowest = merged.at(-1) as string;
  return { merged, opaque: lowest === folders.at(-1) && isOpaque(lowest) };
}

/** The first folder that has all of the path decides, unless a whiteout or an opaque folder above it hides the rest. */
function locateIn(folders: readonly string[], path: string): string | undefined {
  const names = path.split('/').filter((name) => name !== '');
  for (const folder of folders) {
    const way = wayThrough(folder, names);
    if (way.end !== 'missing') return way.end === 'there' ? way.at : undefined;
    if (way.folders.some(isOpaque)) return undefined;
  }
  return undefined;
}

function wayThrough(
  folder: string,
  names: readonly string[],
): { end: 'there' | 'hidden' | 'missing'; at: string; folders: string[] } {
  const folders: string[] = [];
  let at = folder;
  for (const [index, name] of names.entries()) {
    at = join(at, name);
    const stats = lstatIfAny(at);
    if (stats === undefined) return { end: 'missing', at, folders };
    const isLast = index === names.length - 1;
    if (isWhiteout(stats) || (!isLast && typeOf(stats) !== 'directory'))
      return { end: 'hidden', at, folders };
    if (!isLast) folders.push(at);
  }
  return { end: 'there', at, folders };
}

/** Makes `target` the union of `folders`; files are hard links, for no snapshot is ever written to. */
function foldInto(folders: readonly string[], target: string): void {
  const top = folders[0] as string;
  mkdirSync(fsPath(target));
  for (const name of namesIn(folders)) {
    const found: string[] = [];
    for (const folder of folders) {
      const at = join(folder, name);
      const stats = lstatIfAny(at);
      if (stats === undefined) continue;
      if (isWhiteout(stats)) break;
      found.push(at);
      if (typeOf(stats) !== 'directory' || isOpaque(at)) break;
    }
    if (found[0] === undefined) continue;
    const stats = lstat(found[0]);
    const to = join(target, name);
    if (typeOf(stats) === 'directory')
      foldInto(
        found.filter((at) => typeOf(lstat(at)) === 'directory'),
        to,
      );
    else foldFile(found[0], to);
  }
  copyMetadata(readEntry(top, ''), target);
}

function foldFile(from: string, to: string): void {
  try {
    linkSync(fsPath(from), fsPath(to));
  } catch (error) {
    // An inode has a largest number of links (65,000 on ext4).
    if ((error as NodeJS.ErrnoException).code !== 'EMLINK') throw error;
    copyNode(from, to);
  }
}
