/** System calls on files that Node doesn't offer. Constants have the kernel's names. */
import { constants, openSync, readSync, writeSync } from 'node:fs';
import { fsPath } from './names.ts';
import { checked, cPath, lastErrno, native, systemError } from './native.ts';

export {
  bindBare,
  bindMount,
  enterPrivateMounts,
  mountOverlay,
  mountsBelow,
  mountTmpfs,
  openDetached,
  unmount,
  unmountBelow,
} from './mounts.ts';

const flock = native('int flock(int fd, int operation)');
const mknodCall = native('int mknod(const char *path, unsigned int mode, unsigned long device)');
const utimensat = native('int utimensat(int dir, const char *path, const void *times, int flags)');
const futimens = native('int futimens(int fd, const void *times)');
const lsetxattr = native(
  'int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)',
);
const lremovexattr = native('int lremovexattr(const char *path, const char *name)');
const llistxattr = native('long llistxattr(const char *path, void *list, size_t size)');
const lgetxattr = native('long lgetxattr(const char *path, const char *name, void *value, size_t size)');
const linkat = native('int linkat(int fromDir, const char *from, int toDir, const char *to, int flags)');
const renameat2 = native(
  'int renameat2(int fromDir, const char *from, int toDir, const char *to, unsigned int flags)',
);
const syscall = native('long syscall(long number, ...)');
const copyFileRange = native(
  'long copy_file_range(int in, void *offIn, int out, void *offOut, size_t length, unsigned int flags)',
);
const fallocate = native('int fallocate(int fd, int mode, long offset, long length)');
const lseek = native('long lseek(int fd, long offset, int whence)');
const fcntl = native('int fcntl(int fd, int command, int argument)');
const posixFadvise = native('int posix_fadvise(int fd, long offset, long length, int advice)');
const ioctlInt = native('int ioctl(int fd, unsigned long request, int argument)');
const ioctlPointer = native('int ioctl(int fd, unsigned long request, void *argument)');

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_SYMLINK_FOLLOW = 0x400;
const RENAME_EXCHANGE = 2;
const O_TMPFILE = 0x410000;
const F_SETPIPE_SZ = 1031;
const SYS_openat2 = 437;
const RESOLVE_NO_MAGICLINKS = 2;
const RESOLVE_NO_SYMLINKS = 4;
const RESOLVE_IN_ROOT = 16;
const FICLONE = 0x40049409;
const FICLONERANGE = 0x4020940d;
const O_CLOEXEC = 0x80000;

/** Takes a lock on an open file without waiting; false when another holder has it. Ends with the file's last descriptor. */
export function tryLock(fd: number, mode: 'shared' | 'exclusive' = 'exclusive'): boolean {
  if (flock(fd, (mode === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB) === 0) return true;
  const code = lastErrno();
  if (code === 'EWOULDBLOCK' || code === 'EAGAIN') return false;
  throw systemError('flock', undefined, code);
}

const typeBits = {
  char: constants.S_IFCHR,
  block: constants.S_IFBLK,
  fifo: constants.S_IFIFO,
  socket: constants.S_IFSOCK,
};

/** Makes a device node, FIFO or socket; `mode` are permission bits, before the umask. */
export function makeNode(
  path: string,
  type: keyof typeof typeBits,
  mode: number,
  device: { major: number; minor: number } = { major: 0, minor: 0 },
): void {
  checked(mknodCall(cPath(fsPath(path)), typeBits[type] | mode, deviceNumber(device)), 'mknod', path);
}

/** Linux's 64-bit dev_t: see makedev(3). */
function deviceNumber({ major, minor }: { major: number; minor: number }): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (low & 0xffn) | ((high & 0xfffn) << 8n) | ((low & ~0xffn) << 12n) | ((high & ~0xfffn) << 32n);
}

/** Splits `rdev` of a stat. */
export function splitDevice(rdev: bigint): { major: number; minor: number } {
  return {
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & ~0xffn)),
  };
}

const timesBuffer = Buffer.alloc(32);

/** Sets access and modification time in nanoseconds since the epoch, of a symlink itself too. */
export function setTimes(path: string, mtimeNs: bigint): void {
  fillTimes(mtimeNs);
  checked(utimensat(AT_FDCWD, cPath(fsPath(path)), timesBuffer, AT_SYMLINK_NOFOLLOW), 'utimensat', path);
}

/** The same of an open file. */
export function setTimesOfOpen(fd: number, mtimeNs: bigint): void {
  fillTimes(mtimeNs);
  checked(futimens(fd, timesBuffer), 'futimens');
}

function fillTimes(mtimeNs: bigint): void {
  let seconds = mtimeNs / 1_000_000_000n;
  let nanoseconds = mtimeNs % 1_000_000_000n;
  if (nanoseconds < 0n) {
    seconds -= 1n;
    nanoseconds += 1_000_000_000n;
  }
  for (const at of [0, 16]) {
    timesBuffer.writeBigInt64LE(seconds, at);
    timesBuffer.writeBigInt64LE(nanoseconds, at + 8);
  }
}

export function setXattr(path: string, name: string, value: Uint8Array): void {
  checked(lsetxattr(cPath(fsPath(path)), name, value, value.length, 0), 'lsetxattr', path);
}

export function removeXattr(path: string, name: string): void {
  checked(lremovexattr(cPath(fsPath(path)), name), 'lremovexattr', path);
}

const listBuffer = Buffer.alloc(65_536);

/** All extended attributes of a path (symlinks not followed), by name in sorted order; undefined when there are none. */
export function readXattrs(path: string): Map<string, Buffer> | undefined {
  const cName = cPath(fsPath(path));
  const length = Number(llistxattr(cName, listBuffer, listBuffer.length));
  if (length === 0) return undefined;
  if (length < 0) {
    const code = lastErrno();
    if (code === 'ENOTSUP' || code === 'EOPNOTSUPP') return undefined;
    throw systemError('llistxattr', path, code);
  }
  const names = listBuffer
    .toString('utf8', 0, length - 1)
    .split('\0')
    .sort();
  const result = new Map<string, Buffer>();
  for (const name of names) {
    const value = getXattr(path, name);
    if (value !== undefined) result.set(name, value);
  }
  return result.size > 0 ? result : undefined;
}

/** As large as a value can be. To make it takes longer than to ask for an attribute. */
const valueBuffer = Buffer.alloc(65_536);

/** One attribute's value, or undefined when there is none of that name. */
export function getXattr(path: string, name: string): Buffer | undefined {
  const length = Number(lgetxattr(cPath(fsPath(path)), name, valueBuffer, valueBuffer.length));
  if (length >= 0) return Buffer.from(valueBuffer.subarray(0, length));
  const code = lastErrno();
  if (code === 'ENODATA' || code === 'ENOTSUP' || code === 'EOPNOTSUPP') return undefined;
  throw systemError('lgetxattr', path, code);
}

/**
 * Opens `path` below the folder `rootFd`, as if that were `/`: neither `..` nor any symlink leads out of it
 * (openat2(2) with RESOLVE_IN_ROOT). Returns a file descriptor; close it. With `links`
 * 'refuse', one on the way is an error (`ELOOP`).
 */
export function openInRoot(
  rootFd: number,
  path: string,
  flags: number = constants.O_RDONLY,
  { mode = 0, links = 'follow' }: { mode?: number; links?: 'follow' | 'refuse' } = {},
): number {
  const how = Buffer.alloc(24);
  const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (links === 'refuse' ? RESOLVE_NO_SYMLINKS : 0);
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(mode), 8);
  how.writeBigUInt64LE(BigInt(resolve), 16);
  const name = cPath(fsPath(path));
  return checked(
    Number(syscall(SYS_openat2, 'int', rootFd, 'const char *', name, 'void *', how, 'size_t', how.length)),
    'openat2',
    path,
  );
}

/** Swaps what two names of one file system stand for, at once (renameat2(2) with RENAME_EXCHANGE). */
export function exchange(left: string, right: string): void {
  const [from, to] = [cPath(fsPath(left)), cPath(fsPath(right))];
  checked(renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE), 'renameat2', right);
}

/**
 * Opens a new file of the folder `path` for reading and writing, which has no name and is gone once nobody has it open; undefined
 * where there are none such. `nameOpenFile` gives it one.
 */
export function openNameless(path: string): number | undefined {
  try {
    return openSync(fsPath(path), O_TMPFILE | constants.O_RDWR, 0o666);
  } catch {
    // Whatever it is: who opens one with a name is told.
    return undefined;
  }
}

/** Gives an open file without a name the free name `path` (linkat(2)). */
export function nameOpenFile(fd: number, path: string): void {
  const from = descriptorPath(fd);
  checked(linkat(AT_FDCWD, from, AT_FDCWD, cPath(fsPath(path)), AT_SYMLINK_FOLLOW), 'linkat', path);
}

/** O_PATH: a descriptor that only names a file. Node's constants lack it. */
export const O_PATH = 0x200000;

/** Opens a folder, to be the root of `openInRoot`. */
export function openFolder(path: string): number {
  return openSync(fsPath(path), constants.O_RDONLY | constants.O_DIRECTORY);
}

/** Host path through which an open descriptor's file is reached. */
export function descriptorPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

/**
 * Copies `length` bytes at both descriptors' positions inside the kernel, or, between kinds of file systems where that
 * can't be, through a buffer; returns how many were copied (less at the end of the input).
 */
export function copyRange(from: number, to: number, length: number): number {
  let left = length;
  while (left > 0) {
    const copied = Number(copyFileRange(from, null, to, null, Math.min(left, 0x40000000), 0));
    if (copied === 0) break;
    if (copied < 0) {
      const code = lastErrno();
      if (['EXDEV', 'EINVAL', 'ENOSYS', 'EOPNOTSUPP'].includes(code))
        return length - left + copyThrough(from, to, left);
      throw systemError('copy_file_range', undefined, code);
    }
    left -= copied;
  }
  return length - left;
}

const copyBuffer = Buffer.allocUnsafeSlow(1 << 20);

/** As `copyRange`, but through a buffer: for small files two calls that cost less than the one inside the kernel does. */
export function copyThrough(from: number, to: number, length: number): number {
  let left = length;
  while (left > 0) {
    const read = readSync(from, copyBuffer, 0, Math.min(left, copyBuffer.length), null);
    if (read === 0) break;
    for (let at = 0; at < read; ) at += writeSync(to, copyBuffer, at, read - at);
    left -= read;
  }
  return length - left;
}

/**
 * Reserves the blocks of a range that will be written whole (fallocate(2)). ext4 then copies several times faster, and a
 * full disk is known before anything is written. Where the file system can't, nothing happens.
 */
export function reserve(fd: number, offset: number, length: number): void {
  if (fallocate(fd, 0, offset, length) === 0) return;
  const code = lastErrno();
  if (code === 'ENOSPC' || code === 'EDQUOT') throw systemError('fallocate', undefined, code);
}

const whence = { set: 0, data: 3, hole: 4 };

/** Moves a descriptor's position (lseek(2)): to `offset`, or the next data or hole from there; undefined when there is none. */
export function seek(fd: number, offset: number, to: keyof typeof whence): number | undefined {
  const result = Number(lseek(fd, offset, whence[to]));
  if (result >= 0) return result;
  if (lastErrno() === 'ENXIO') return undefined;
  throw systemError('lseek');
}

/** A user may have a pipe of this size (`/proc/sys/fs/pipe-max-size`); usual is a sixteenth. */
const widePipeBytes = 1 << 20;

/** Has a pipe take more before its reader must come: much data goes through faster. Nothing happens to what is no pipe. */
export function widenPipe(fd: number): void {
  fcntl(fd, F_SETPIPE_SZ, widePipeBytes);
}

/** Lets the kernel fetch a part of a file from the disk (posix_fadvise(2), POSIX_FADV_WILLNEED). A hint: nothing fails. */
export function fetchSoon(fd: number, length: number): void {
  posixFadvise(fd, 0, length, 3);
}

/** Makes the file `to` share all content of `from` (FICLONE); false where the file system can't. */
export function reflink(from: number, to: number): boolean {
  return ioctlInt(to, FICLONE, from) === 0;
}

/** Shares a range of blocks (FICLONERANGE; offsets and length in whole blocks); false where that can't be. */
export function reflinkRange(
  from: number,
  fromOffset: number,
  length: number,
  to: number,
  toOffset: number,
): boolean {
  const range = Buffer.alloc(32);
  range.writeBigInt64LE(BigInt(from), 0);
  range.writeBigUInt64LE(BigInt(fromOffset), 8);
  range.writeBigUInt64LE(BigInt(length), 16);
  range.writeBigUInt64LE(BigInt(toOffset), 24);
  return ioctlPointer(to, FICLONERANGE, range) === 0;
}

/** A raw ioctl whose argument is a structure. */
export function ioctl(fd: number, request: number, argument: Buffer, what: string): void {
  checked(ioctlPointer(fd, request, argument), what);
}
