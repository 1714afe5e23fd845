/**
 * Mount points that an image lacks. A runtime would make them and leave them in the image; so we make them,
 * and take them away after the run, with their parents' times as they were.
 *
 * Paths are resolved here as the kernel would with the rootfs as `/`: symlinks are read, never followed by the
 * host, so none leads out. Nothing runs in the rootfs while we look, so nothing can change under us.
 */
import {
  type BigIntStats,
  chmodSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { errnoOf, wrongUse } from '../../../kit/errors.ts';
import { decodeName, fsPath } from '../../../kit/names.ts';
import { setTimes } from '../../../kit/system.ts';

export interface MountTarget {
  /** Absolute path inside the rootfs. */
  path: string;
  /** What is mounted there. */
  kind: 'folder' | 'file';
  /** Of a folder that has to be made; default 755. */
  mode?: number;
}

interface Stub {
  path: string;
  kind: 'folder' | 'file';
  made: BigIntStats;
  parent: string;
  parentBefore: bigint;
  parentAfter: bigint;
}

/** Where every run has file systems of its own. */
export const systemTargets = ['/proc', '/dev', '/sys'];

/** What a network needs inside, in /etc: see `network.ts`. */
export const networkFiles = ['resolv.conf', 'hosts', 'hostname'] as const;

/** Makes the targets that every run has in an empty folder. */
export function makeUsualTargets(folder: string): void {
  prepareMountpoints(folder, [
    ...systemTargets.map((path) => ({ path, kind: 'folder' as const })),
    ...networkFiles.map((name) => ({ path: `/etc/${name}`, kind: 'file' as const })),
  ]);
  // No clock decides what a run sees.
  for (const path of [...systemTargets, '/etc', '']) setTimes(folder + path, 0n);
}

const maxLinks = 40;

/**
 * Makes the targets that `rootfs` lacks, with the folders above them. The function it returns removes them
 * again, save those that are no longer as made, and sets the parents' mtimes back; call it after the run while
 * the rootfs is still mounted. Throws a `UserError` where a target can't be.
 */
export function prepareMountpoints(rootfs: string, targets: readonly MountTarget[]): () => void {
  const stubs: Stub[] = [];
  const undo = () => {
    for (const stub of stubs.splice(0).reverse()) removeStub(stub);
  };
  try {
    for (const target of targets) makeTarget(rootfs, target, stubs);
  } catch (error) {
    undo();
    throw error;
  }
  return undo;
}

/** A mount point that was made, and stays for as long as the run does. */
export interface LastingMountpoint {
  /** From the rootfs, without `/` in front. */
  path: string;
  kind: 'folder' | 'file';
  /** Nanoseconds since the Unix epoch, as text. */
  mtimeNs: string;
}

/** As `prepareMountpoints`, for a run that goes on while others look at its files: the folders above get their times back at once. */
export function makeMountpoints(rootfs: string, targets: readonly MountTarget[]): LastingMountpoint[] {
  const stubs: Stub[] = [];
  for (const target of targets) makeTarget(rootfs, target, stubs);
  for (const { parent, parentBefore } of stubs.toReversed()) setTimes(parent, parentBefore);
  return stubs.map(({ path, kind, made }) => ({
    ...{ path: path.slice(rootfs.length + 1), kind, mtimeNs: String(made.mtimeNs) },
  }));
}

/** Takes lasting mount points that are still as they were made out of a copy of the rootfs. */
export function removeMountpoints(rootfs: string, made: readonly LastingMountpoint[]): void {
  for (const { path, kind, mtimeNs } of made.toReversed()) {
    const host = `${rootfs}/${path}`;
    const now = statOrUndefined(host);
    const isEmptyFile = kind === 'file' && now?.isFile() && now.size === 0n;
    if (!isEmptyFile && !(kind === 'folder' && now?.isDirectory())) continue;
    const parent = host.slice(0, host.lastIndexOf('/'));
    const parentNs = statSync(fsPath(parent), { bigint: true }).mtimeNs;
    try {
      if (kind === 'folder') rmdirSync(fsPath(host));
      else if (String(now?.mtimeNs) === mtimeNs) unlinkSync(fsPath(host));
    } catch (error) {
      if (errnoOf(error) !== 'ENOTEMPTY') throw error;
    }
    setTimes(parent, parentNs);
  }
}

/** Walks to the target name by name, and makes what is missing on the way. */
function makeTarget(rootfs: string, target: MountTarget, stubs: Stub[]): void {
  const names = splitPath(target.path);
  const at: string[] = [];
  let links = 0;
  while (names.length > 0) {
    const name = names.shift() as string;
    if (name === '..') {
      at.pop();
      continue;
    }
    const path = [rootfs, ...at, name].join('/');
    const found = statOrUndefined(path);
    if (found?.isSymbolicLink()) {
      links += 1;
      if (links > maxLinks) throw badTarget(target, 'it leads through too many symlinks');
      const link = decodeName(readlinkSync(fsPath(path), { encoding: 'buffer' }));
      if (link.startsWith('/')) at.length = 0;
      names.unshift(...splitPath(link));
      continue;
    }
    const isLast = names.length === 0;
    const kind = isLast ? target.kind : 'folder';
    if (found === undefined)
      stubs.push(makeStub(path, [rootfs, ...at].join('/'), kind, isLast ? target.mode : undefined));
    else if (found.isDirectory() !== (kind === 'folder')) {
      throw badTarget(target, `'/${[...at, name].join('/')}' is ${found.isDirectory() ? 'a' : 'no'} folder`);
    }
    at.push(name);
  }
}

function splitPath(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

function statOrUndefined(path: string): BigIntStats | undefined {
  return lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
}

function badTarget(target: MountTarget, why: string): Error {
  return wrongUse('bad-mount-target', `Nothing can be mounted at ${target.path} in the image: ${why}.`, {
    hint: 'Mount it elsewhere, or change the image.',
  });
}

function makeStub(path: string, parent: string, kind: 'folder' | 'file', mode = 0o755): Stub {
  const mtime = () => statSync(fsPath(parent), { bigint: true }).mtimeNs;
  const parentBefore = mtime();
  if (kind === 'folder') {
    mkdirSync(fsPath(path));
    // mkdir is subject to the umask.
    chmodSync(fsPath(path), mode);
  } else writeFileSync(fsPath(path), '', { flag: 'wx', mode: 0o644 });
  const made = lstatSync(fsPath(path), { bigint: true });
  return { path, kind, made, parent, parentBefore, parentAfter: mtime() };
}

function removeStub(stub: Stub): void {
  const now = statOrUndefined(stub.path);
  if (
    now === undefined ||
    now.ino !== stub.made.ino ||
    now.mode !== stub.made.mode ||
    now.uid !== stub.made.uid
  )
    return;
  const parentNow = statOrUndefined(stub.parent)?.mtimeNs;
  try {
    if (stub.kind === 'folder') rmdirSync(fsPath(stub.path));
    else if (now.size === 0n && now.mtimeNs === stub.made.mtimeNs) unlinkSync(fsPath(stub.path));
    else return;
  } catch (error) {
    // The run put something into the folder: then it is the image's.
    if (errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  if (parentNow === undefined) return;
  setTimes(stub.parent, parentNow === stub.parentAfter ? stub.parentBefore : parentNow);
}
