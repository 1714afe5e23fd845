/**
 * The upper folders of overlay mounts as the kernel left them: whiteouts are character devices 0:0, opaque folders carry
 * trusted.overlay.opaque (Documentation/filesystems/overlayfs.rst of Linux). Lists of folders are top first.
 */
import { join } from 'node:path';
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
import type { Suspect } from './driver.ts';

/** The root folder itself, when it isn't like its parent's. Its time alone is no change: any entry sets that. */
export function* rootChange(own: string, parent: string | undefined): Generator<Change> {
  const entry = readEntry(own, '');
  const isSame =
    parent !== undefined && sameMetadata(entry, { ...readEntry(parent, ''), mtimeNs: entry.mtimeNs });
  if (!isSame) yield { kind: 'present', entry, content: own };
}

/**
 * What `folders` (top first) together change. A whiteout of an upper one may only cancel what a lower one of them
 * holds: a delta copy never removes what its parent has (see copy/). A folder that only lies on the way to a change, or held a
 * mount, is none: it is as in `below`, the folders of the parent.
 */
export function* walkFolders(
  folders: readonly string[],
  path: string,
  below: readonly string[],
): Generator<Change> {
  for (const name of namesIn(folders)) {
    const at = joinPath(path, name);
    const holders = folders.filter((folder) => lstatIfAny(join(folder, name)) !== undefined);
    const top = join(holders[0] as string, name);
    const stats = lstat(top);
    if (isWhiteout(stats)) {
      if (holders.length === 1 || locateIn(below, at) !== undefined) yield { kind: 'deleted', path: at };
      continue;
    }
    const entry = readEntry(top, at, stats);
    if (entry.type !== 'directory') {
      yield { kind: 'present', entry, content: top };
      continue;
    }
    const { merged, opaque } = mergedFolders(
      holders.map((folder) => join(folder, name)),
      () => locateIn(below, at) !== undefined,
    );
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
function mergedFolders(
  folders: readonly string[],
  isBelow: () => boolean,
): { merged: string[]; opaque: boolean } {
  const merged: string[] = [];
  for (const folder of folders) {
    const stats = lstat(folder);
    if (typeOf(stats) !== 'directory') break;
    merged.push(folder);
    if (isOpaque(folder)) break;
  }
  const lowest = merged.at(-1) as string;
  return { merged, opaque: isOpaque(lowest) && (lowest === folders.at(-1) || isBelow()) };
}

/** The first folder that has all of the path decides, unless a whiteout or an opaque folder above it hides the rest. */
export function locateIn(folders: readonly string[], path: string): string | undefined {
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

/** Paths that one of `folders` holds, which are those of two stacks above all that they share. */
export function* suspects(folders: readonly string[], path: string): Generator<Suspect> {
  for (const name of namesIn(folders)) {
    const at = joinPath(path, name);
    const holders = folders.flatMap((folder) => {
      const host = join(folder, name);
      const stats = lstatIfAny(host);
      return stats === undefined ? [] : [{ host, stats }];
    });
    const isPlain = holders.every(({ host, stats }) => typeOf(stats) === 'directory' && !isOpaque(host));
    const isFile = holders.every(({ stats }) => typeOf(stats) !== 'directory' && !isWhiteout(stats));
    yield { path: at, whole: !isPlain && !isFile };
    if (!isPlain) continue;
    yield* suspects(
      holders.map(({ host }) => host),
      at,
    );
  }
}
