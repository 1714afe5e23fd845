/**
 * Unpacks archives into a folder of the host with all metadata, as root. Plain archives, and image layers: in those,
 * `.wh.NAME` hides NAME of the layers below, and `.wh..wh..opq` all that its folder had.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { errnoOf, outside } from '../errors.ts';
import { turnTaker } from '../in-turns.ts';
import { encodeName, fsPath } from '../names.ts';
import { makeNode, removeXattr, setTimes, setTimesOfOpen, setXattr } from '../system.ts';
import { listFolder, lstatIfAny, treeXattrs } from '../walk.ts';
import { brokenTar } from './format.ts';
import { fileInput, type TarInput } from './input.ts';
import { type ReadOptions, readTar, type TarMember } from './read.ts';
import { memberPath, openSafeRoot, type SafeRoot, splitPath } from './safe-root.ts';
import { transfer } from './transfer.ts';

export interface UnpackOptions extends ReadOptions {
  signal?: AbortSignal;
}

export const whiteoutPrefix = '.wh.';
export const opaqueMarker = '.wh..wh..opq';

/** Attributes that belong to the kernel of this machine, not to a tree. */
const foreignXattr = /^(trusted\.overlay\.|user\.overlay\.|security\.(selinux|ima|evm)$)/;

/** Content up to this is written from the reader's buffer, more is copied by the kernel. */
const byHandBytes = 128 * 1024;

/** Unpacks a plain archive into the folder `root`. Throws `broken-tar`. */
export async function unpackTar(input: TarInput, root: string, options: UnpackOptions = {}): Promise<void> {
  using safe = openSafeRoot(root);
  const turn = turnTaker(options.signal);
  for await (const member of readTar(input, options)) {
    await turn();
    await place(safe, memberPath(member.name), member, options.signal);
  }
  safe.restoreTimes();
}

/**
 * Applies the layer in the uncompressed tar at `path` to the folder `root`, which shows the layers below. It is read
 * twice, first for what it hides: so whiteouts never hide what the layer itself brings, whatever the order.
 */
export async function unpackLayer(path: string, root: string, options: UnpackOptions = {}): Promise<void> {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    using safe = openSafeRoot(root);
    for await (const member of readTar(fileInput(fd), options)) hide(safe, memberPath(member.name));
    const turn = turnTaker(options.signal);
    for await (const member of readTar(fileInput(fd), options)) {
      await turn();
      const memberName = memberPath(member.name);
      if (!splitPath(memberName).name.startsWith(whiteoutPrefix))
        await place(safe, memberName, member, options.signal);
    }
    safe.restoreTimes();
  } finally {
    closeSync(fd);
  }
}

export function hide(safe: SafeRoot, path: string): void {
  const { folder, name } = splitPath(path);
  if (!name.startsWith(whiteoutPrefix)) return;
  const within = (child: string) => (folder === '' ? child : `${folder}/${child}`);
  if (name === opaqueMarker) {
    const host = folder === '' ? safe.at('') : safe.existing(folder);
    if (host === undefined || !lstatIfAny(host)?.isDirectory()) return;
    for (const child of listFolder(host)) safe.remove(within(child));
  } else if (!name.startsWith('.wh..wh.')) {
    const hidden = name.slice(whiteoutPrefix.length);
    if (hidden === '' || hidden === '.' || hidden === '..') throw brokenTar(`${path} hides no possible name`);
    if (safe.existing(within(hidden)) !== undefined) safe.remove(within(hidden));
  }
}

export async function place(
  safe: SafeRoot,
  path: string,
  member: TarMember,
  signal?: AbortSignal,
): Promise<void> {
  if (member.type === 'hardlink') return placeLink(safe, path, member);
  if (member.type === 'directory') return placeFolder(safe, path, member);
  if (path === '') throw brokenTar('it would replace the root folder');
  if (member.type === 'file') return placeFile(safe, path, member, signal);
  safeRemove(safe, path);
  const host = safe.at(path);
  switch (member.type) {
    case 'symlink':
      if (member.link === '') throw brokenTar(`${path} is a link to nothing`);
      symlinkSync(encodeName(member.link as string), fsPath(host));
      break;
    default:
      makeNode(host, member.type, member.mode, member.device);
  }
  setMetadata(member, host);
  setTimes(host, member.mtimeNs);
}

/** Looking first is cheaper than to let the system refuse, and most of the time nothing is there. */
function safeRemove(safe: SafeRoot, path: string): void {
  if (lstatIfAny(safe.at(path)) !== undefined) safe.remove(path);
}

function placeFolder(safe: SafeRoot, path: string, member: TarMember): void {
  const there = lstatIfAny(safe.at(path));
  if (there !== undefined && !there.isDirectory()) safe.remove(path);
  if (there === undefined || !there.isDirectory()) mkdirSync(fsPath(safe.at(path)));
  const host = safe.at(path);
  if (there?.isDirectory()) {
    for (const name of treeXattrs(host)?.keys() ?? []) if (!member.xattrs?.has(name)) removeXattr(host, name);
  }
  setMetadata(member, host);
  safe.setFolderTime(path, member.mtimeNs);
}

function placeLink(safe: SafeRoot, path: string, member: TarMember): void {
  const target = memberPath(member.link as string);
  if (target === path) return;
  if (target === '' || path === '') throw brokenTar(`${member.name} is a hard link to the root folder`);
  safeRemove(safe, path);
  // The target is reached through a root of its own, so that neither closes the other's folder.
  using other = openSafeRoot(safe.at(''));
  const from = other.at(target);
  const stats = lstatIfAny(from);
  if (stats === undefined || stats.isDirectory()) {
    throw brokenTar(`${path} is a hard link to ${target}, which is not there or a folder`);
  }
  linkSync(fsPath(from), fsPath(safe.at(path)));
}

/** Most members are small files: all is done on the open file, and only what has to be. */
async function placeFile(
  safe: SafeRoot,
  path: string,
  member: TarMember,
  signal?: AbortSignal,
): Promise<void> {
  const fd = openNew(safe, path);
  try {
    await writeFile(fd, member, signal);
    // The order matters: chown(2) drops setuid and capabilities.
    const { uid, gid } = fstatSync(fd);
    if (uid !== member.uid || gid !== member.gid) fchownSync(fd, member.uid, member.gid);
    fchmodSync(fd, member.mode);
    if (member.xattrs) setXattrs(member, safe.at(path));
    setTimesOfOpen(fd, member.mtimeNs);
  } finally {
    closeSync(fd);
  }
}

/** Most of the time nothing is there: so it isn't looked at first. */
function openNew(safe: SafeRoot, path: string): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  try {
    return openSync(fsPath(safe.at(path)), flags, 0o600);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    safe.remove(path);
    return openSync(fsPath(safe.at(path)), flags, 0o600);
  }
}

async function writeFile(fd: number, member: TarMember, signal?: AbortSignal): Promise<void> {
  if (member.size === 0) return;
  const extents = member.extents ?? [{ offset: 0, length: member.size }];
  if (member.range && member.storedBytes > byHandBytes) {
    let fromAt = member.range.position;
    for (const { offset, length } of extents) {
      const copied = await transfer({ from: member.range.fd, fromAt, to: fd, toAt: offset, length, signal });
      if (copied < length) throw brokenTar(`it ends inside of ${member.name}`);
      fromAt += length;
    }
  } else {
    const whole = member.contentNow();
    if (whole !== undefined) writeChunk({ fd, extents, index: 0, within: 0 }, whole);
    else await writeChunks(fd, extents, member.content());
  }
  if (member.extents) ftruncateSync(fd, member.size);
}

/** How far the extents of a file are filled. */
interface Filling {
  fd: number;
  extents: readonly { offset: number; length: number }[];
  index: number;
  within: number;
}

async function writeChunks(
  fd: number,
  extents: Filling['extents'],
  chunks: AsyncIterable<Buffer>,
): Promise<void> {
  const filling: Filling = { fd, extents, index: 0, within: 0 };
  for await (const chunk of chunks) writeChunk(filling, chunk);
}

/** Chunks don't end where extents do. */
function writeChunk(filling: Filling, chunk: Buffer): void {
  const { fd, extents } = filling;
  for (let at = 0; at < chunk.length; ) {
    while (filling.within === extents[filling.index]?.length) {
      filling.index += 1;
      filling.within = 0;
    }
    const extent = extents[filling.index];
    if (extent === undefined) throw brokenTar('a member holds more than its map says');
    const length = Math.min(chunk.length - at, extent.length - filling.within);
    const count = writeSync(fd, chunk, at, length, extent.offset + filling.within);
    at += count;
    filling.within += count;
  }
}

/** The order matters: chown(2) drops setuid and capabilities. */
function setMetadata(member: TarMember, host: string): void {
  lchownSync(fsPath(host), member.uid, member.gid);
  if (member.type !== 'symlink') chmodSync(fsPath(host), member.mode);
  setXattrs(member, host);
}

function setXattrs(member: TarMember, host: string): void {
  for (const [name, value] of member.xattrs ?? []) {
    if (foreignXattr.test(name)) continue;
    try {
      setXattr(host, name, value);
    } catch (error) {
      if (errnoOf(error) !== 'EOPNOTSUPP' && errnoOf(error) !== 'ENOTSUP') throw error;
      throw outside(
        'no-xattrs',
        `${member.name} has the attribute ${name}, which this file system can't keep.`,
        {
          cause: error,
          hint: 'Unpack on ext4, xfs or btrfs; a store belongs there too.',
        },
      );
    }
  }
}
