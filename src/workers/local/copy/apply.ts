/**
 * Puts targets into a workspace. Paths are resolved inside the image: the way to a copy's destination may lead over
 * symlinks of the image, and these never lead out of it; below the destination no link is followed.
 */
import { chmodSync, closeSync, constants, mkdirSync, readlinkSync, rmSync } from 'node:fs';
import { errnoOf, outside, wrongUse } from '../../../kit/errors.ts';
import type { Work } from '../../../kit/in-turns.ts';
import { decodeName, fsPath } from '../../../kit/names.ts';
import { descriptorPath, O_PATH, openFolder, openInRoot, setTimes } from '../../../kit/system.ts';
import { lstatIfAny, typeOf } from '../../../kit/walk.ts';
import { makeFile, openCopier, setMetadata } from './make-file.ts';
import type { Content, Difference, Target, TargetList } from './targets.ts';

/** So many are made between two pauses. */
const fewTargets = 16;

/** Copies all of `list` into the tree at `root`. */
export function* applyAll(root: string, list: TargetList): Work {
  const writer = openWriter(root, list.contents);
  try {
    for (const [index, target] of list.targets.entries()) {
      yield* writer.put(target);
      if (index % fewTargets === 0) yield;
    }
  } finally {
    writer.finish();
  }
}

/**
 * Applies only a difference: `root` holds the result of an earlier copy on the same parent. `isInParent` tells whether
 * that parent has a path.
 */
export function* applyDifference(
  root: string,
  list: TargetList,
  difference: Difference,
  isInParent: (path: string) => boolean,
): Work {
  const writer = openWriter(root, list.contents, isInParent);
  try {
    // Content goes before its folder.
    for (const target of difference.removed.toReversed()) writer.remove(target);
    for (const target of difference.changed) yield* writer.put(target);
    for (const target of difference.touched) writer.touch(target);
  } finally {
    writer.finish();
  }
}

interface Writer {
  put(target: Target): Work;
  remove(target: Target): void;
  touch(target: Target): void;
  /** Sets the times of folders, last of all. */
  finish(): void;
}

function openWriter(
  root: string,
  contents: ReadonlyMap<string, Content>,
  isInParent?: (path: string) => boolean,
): Writer {
  const rootFd = openFolder(root);
  const copier = openCopier();
  /** Real host path of a folder of the image, by image path. */
  const realFolders = new Map<string, string>();
  /** Times that folders had, or shall have, by host path. */
  const times = new Map<string, bigint>();

  const realFolder = (path: string): string => {
    const known = realFolders.get(path);
    if (known !== undefined) return known;
    const real = resolveFolder(rootFd, root, path, times);
    realFolders.set(path, real);
    return real;
  };
  /** Host path of a target, whose folder's time is kept. */
  const hostOf = (target: Target): string => {
    if (target.path === '') return root;
    keepTime(realFolder(parentOf(target.path)));
    return placeOf(target);
  };
  const placeOf = ({ path }: Target): string =>
    path === '' ? root : `${realFolder(parentOf(path))}/${nameOf(path)}`;
  const keepTime = (folder: string): void => {
    if (!times.has(folder)) times.set(folder, mtimeOf(folder));
  };

  /** The folder that content goes into keeps what the image says of it. */
  const isKept = (target: Target, real: string): boolean =>
    target.isDest === true && (isInParent === undefined || isInParent(real.slice(root.length + 1)));
  const setFolder = (target: Target, real: string): void => {
    setMetadata(target, real);
    times.set(real, BigInt(target.mtime));
  };

  return {
    *put(target) {
      if (target.type !== 'directory') {
        const file = hostOf(target);
        yield* makeFile(
          target,
          file,
          contents.get(target.path),
          (path) => hostOf({ ...target, path }),
          copier,
        );
        return;
      }
      const host = placeOf(target);
      const existing = existingFolder(rootFd, root, host, target);
      if (existing === undefined) mkdirSync(fsPath(hostOf(target)), target.mode);
      const real = existing ?? host;
      realFolders.set(target.path, real);
      if (existing === undefined || !isKept(target, real)) setFolder(target, real);
    },
    remove(target) {
      const host = hostOf(target);
      rmSync(fsPath(host), { recursive: true, force: true });
      // What was in it went first, and kept its time.
      times.delete(host);
      realFolders.delete(target.path);
    },
    touch(target) {
      const host = hostOf(target);
      if (target.type !== 'directory') {
        setMetadata(target, host);
        setTimes(host, BigInt(target.mtime));
        return;
      }
      const real = existingFolder(rootFd, root, host, target) ?? host;
      if (!isKept(target, real)) setFolder(target, real);
    },
    finish() {
      closeSync(rootFd);
      for (const [folder, mtime] of times) setTimes(folder, mtime);
    },
  };
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function mtimeOf(host: string): bigint {
  return lstatIfAny(host)?.mtimeNs ?? 0n;
}

/**
 * Host path of the image's folder `path`, through whatever symlinks the image has on the way; missing folders are made:
 * 0755 as Docker does, but with a time that no clock decides.
 */
function resolveFolder(rootFd: number, root: string, path: string, times: Map<string, bigint>): string {
  if (path === '') return root;
  const found = openFolderInRoot(rootFd, path);
  if (found !== undefined) return found;
  const parent = resolveFolder(rootFd, root, parentOf(path), times);
  const host = `${parent}/${nameOf(path)}`;
  if (!times.has(parent)) times.set(parent, mtimeOf(parent));
  try {
    mkdirSync(fsPath(host));
    chmodSync(fsPath(host), 0o755);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    throw wrongUse(
      'not-a-folder',
      `/${path} of the image is not a folder, so nothing can be copied into it.`,
    );
  }
  times.set(host, 0n);
  return host;
}

function openFolderInRoot(rootFd: number, path: string): string | undefined {
  try {
    const fd = openInRoot(rootFd, path, O_PATH | constants.O_DIRECTORY);
    try {
      return decodeName(readlinkSync(descriptorPath(fd), { encoding: 'buffer' }));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined;
    if (errnoOf(error) === 'ELOOP')
      throw outside('symlink-loop', `/${path} of the image is a loop of symlinks.`);
    throw error;
  }
}

/** Host path of the folder that is there for a folder target, or undefined. */
function existingFolder(rootFd: number, root: string, host: string, target: Target): string | undefined {
  const stats = lstatIfAny(host);
  if (stats === undefined) return undefined;
  if (typeOf(stats) === 'directory') return host;
  if (target.replaces) {
    rmSync(fsPath(host));
    return undefined;
  }
  // The destination itself may be a symlink to a folder of the image.
  const linked =
    typeOf(stats) === 'symlink' && target.isDest ? openFolderInRoot(rootFd, target.path) : undefined;
  if (linked?.startsWith(root)) return linked;
  throw wrongUse(
    'not-a-folder',
    `/${target.path} of the image is not a folder, but a folder is copied to it.`,
  );
}
