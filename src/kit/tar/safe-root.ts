/**
 * Reaches entries below a folder so that nothing an archive says leads out of it: the folder that holds an entry is
 * opened by the kernel with that folder as root (openat2), and the entry itself is never followed.
 */
import { chmodSync, closeSync, constants, mkdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { errnoOf } from '../errors.ts';
import { fsPath } from '../names.ts';
import { descriptorPath, O_PATH, openFolder, openInRoot, setTimes } from '../system.ts';
import { joinPath, listFolder, lstat, lstatIfAny } from '../walk.ts';
import { brokenTar } from './format.ts';

export interface SafeRoot extends Disposable {
  /** Host path of the entry `path`, for calls that don't follow links. Makes missing folders on the way. */
  at(path: string): string;
  /** As `at`, but makes nothing; undefined where a folder on the way is missing or is a link. */
  existing(path: string): string | undefined;
  /** Removes what is at `path`, whatever it is. */
  remove(path: string): void;
  /** Sets a folder's time when all is done: changes below it would move it. */
  setFolderTime(path: string, mtimeNs: bigint): void;
  /** Whether a link led to a folder: entries then lie elsewhere than their paths say. */
  hasFollowedLinks(): boolean;
  /** Gives every folder that was touched its time back, or the one it was to have. */
  restoreTimes(): void;
}

const pathOnly = O_PATH | constants.O_DIRECTORY;

export function openSafeRoot(root: string): SafeRoot {
  const rootFd = openFolder(root);
  const times = new Map<string, bigint>();
  // The folder of the last entry: most archives hold a folder's entries one after the other.
  let cached: { path: string; fd: number } | undefined;

  const forget = () => {
    if (cached) closeSync(cached.fd);
    cached = undefined;
  };
  const inside = (fd: number, name: string) => `${descriptorPath(fd)}/${name}`;

  let followed = false;

  const openWithin = (folder: string): number => {
    try {
      return openInRoot(rootFd, folder, pathOnly, { links: 'refuse' });
    } catch (error) {
      if (errnoOf(error) !== 'ELOOP') throw error;
    }
    const fd = openInRoot(rootFd, folder, pathOnly);
    followed = true;
    return fd;
  };
  const open = (folder: string): number => {
    if (folder === '') return rootFd;
    if (cached?.path === folder) return cached.fd;
    forget();
    const fd = openWithin(folder);
    cached = { path: folder, fd };
    return fd;
  };
  const noteTime = (folder: string, fd: number) => {
    if (!times.has(folder)) times.set(folder, lstat(inside(fd, '.')).mtimeNs);
  };

  /** Undefined where there is nothing. */
  const openIfAny = (folder: string): number | undefined => {
    try {
      return open(folder);
    } catch (error) {
      if (errnoOf(error) === 'ENOTDIR' || errnoOf(error) === 'ELOOP')
        throw brokenTar(`${folder} is to hold files but is no folder`);
      if (errnoOf(error) !== 'ENOENT') throw error;
      return undefined;
    }
  };
  const openOrMake = (folder: string): number => {
    const missing: string[] = [];
    let above = folder;
    for (; openIfAny(above) === undefined; above = splitPath(above).folder) missing.push(above);
    for (const each of missing.reverse()) make(each);
    return open(folder);
  };
  /** Makes a folder in one that is there. */
  const make = (folder: string): void => {
    const host = at(folder);
    if (lstatIfAny(host) !== undefined)
      throw brokenTar(`${folder} is to hold files but is a link to nowhere`);
    mkdirSync(fsPath(host));
    chmodSync(fsPath(host), 0o755);
    // Whoever left the folder out of the archive gave it no time; that of now would differ on each run.
    times.set(folder, 0n);
  };

  const at = (path: string): string => {
    if (path === '') return inside(rootFd, '.');
    const { folder, name } = splitPath(path);
    const fd = openOrMake(folder);
    noteTime(folder, fd);
    return inside(fd, name);
  };

  return {
    at,
    existing(path) {
      const { folder } = splitPath(path);
      const names = folder === '' ? [] : folder.split('/');
      for (let count = 1; count <= names.length; count++) {
        const stats = lstatIfAny(at(names.slice(0, count).join('/')));
        if (stats === undefined || !stats.isDirectory()) return undefined;
      }
      return at(path);
    },
    remove(path) {
      const host = at(path);
      if (lstatIfAny(host)?.isDirectory()) {
        // Times noted below it are those of folders that are gone.
        for (const known of times.keys())
          if (known === path || known.startsWith(`${path}/`)) times.delete(known);
        forget();
      }
      removeTree(at(path));
      // A link that is gone may have been on the way to the cached folder.
      forget();
    },
    setFolderTime(path, mtimeNs) {
      times.set(path, mtimeNs);
    },
    hasFollowedLinks: () => followed,
    restoreTimes() {
      for (const [path, mtimeNs] of [...times].sort(([a], [b]) => b.length - a.length)) {
        try {
          setTimes(inside(open(path), '.'), mtimeNs);
        } catch (error) {
          if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') throw error;
        }
      }
    },
    [Symbol.dispose]() {
      forget();
      closeSync(rootFd);
    },
  };
}

/** `a/b/c` → `a/b` and `c`. */
export function splitPath(path: string): { folder: string; name: string } {
  const slash = path.lastIndexOf('/');
  return slash === -1
    ? { folder: '', name: path }
    : { folder: path.slice(0, slash), name: path.slice(slash + 1) };
}

/** Removes a host path with all below it, following no link; nothing there is fine. */
export function removeTree(host: string): void {
  const stats = lstatIfAny(host);
  if (stats === undefined) return;
  if (stats.isDirectory()) {
    for (const name of listFolder(host)) removeTree(joinPath(host, name));
    rmdirSync(fsPath(host));
  } else {
    unlinkSync(fsPath(host));
  }
}

/**
 * A member's name as a path below the root: no `.`, no empty parts, no `/` in front. Names with `..` are refused.
 */
export function memberPath(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..'))
    throw brokenTar(`the member ${name} would lie outside of the folder it is unpacked into`);
  return parts.join('/');
}
