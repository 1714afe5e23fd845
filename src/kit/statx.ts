/** Metadata of files by statx(2), written by the system to buffers that are kept: what a look at 20,000 files costs is mostly that. */
import { closeSync } from 'node:fs';
import { bytesOfRows, type FileRows, putStatx, type ReadFolder, rowFields } from './file-rows.ts';
import { decodeName, fsPath } from './names.ts';
import { addressOf, cPath, lastErrno, nativeNow, systemError } from './native.ts';
import { openFolder } from './system.ts';

const STATX_BASIC_STATS = 0x7ff;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const AT_FDCWD = -100;

/** Buffers that system calls write to, by address: a call costs half as much without a string or a view made for it. */
interface Native {
  statx: ReturnType<typeof nativeNow>;
  /** The same, of a path that is a string or ends with a zero. */
  statxOf: ReturnType<typeof nativeNow>;
  getdents: ReturnType<typeof nativeNow>;
  /** struct linux_dirent64 (getdents(2)), one after the other; the last byte stays zero. */
  list: Uint8Array;
  listAddress: number;
  /** struct statx. */
  stats: Uint32Array;
  statsAddress: number;
}

const listBytes = 64 * 1024;
let native: Native | undefined;

function bound(): Native {
  if (native !== undefined) return native;
  const list = new Uint8Array(listBytes + 1);
  const stats = new Uint32Array(64);
  native = {
    statx: nativeNow('int statx(int dir, uintptr_t path, int flags, unsigned int mask, uintptr_t buffer)'),
    statxOf: nativeNow(
      'int statx(int dir, const char *path, int flags, unsigned int mask, uintptr_t buffer)',
    ),
    getdents: nativeNow('long getdents64(int dir, uintptr_t buffer, size_t size)'),
    ...{ list, listAddress: addressOf(list), stats, statsAddress: addressOf(stats) },
  };
  return native;
}

/** Where the parts of a struct linux_dirent64 are. */
const dirent = { length: 16, name: 19 } as const;
const dot = 0x2e;

/** What was read of the folder at hand; it grows as needed. */
const room = { rows: new Uint32Array(256 * rowFields), names: new Uint8Array(4096) };

/** As `readFolder`. */
export function readNatively(path: string): ReadFolder {
  const { getdents, listAddress } = bound();
  const fd = openFolder(path);
  const size = { entries: 0, names: 0 };
  try {
    const own = rowOfDescriptor(fd);
    for (;;) {
      const length = getdents(fd, listAddress, listBytes);
      if (length < 0) throw systemError('getdents64', path);
      if (length === 0) break;
      readList(path, fd, length, size);
    }
    return {
      own,
      nameBytes: room.names.slice(0, size.names),
      rows: room.rows.slice(0, size.entries * rowFields),
    };
  } finally {
    closeSync(fd);
  }
}

/** Of the folder at hand. */
const ownRow = new Uint32Array(new ArrayBuffer(rowFields * 4));
const ownRowBytes = bytesOfRows(ownRow);

/**
 * As `readFolderAfter`, of a folder with one name at least (each ended by a zero); undefined where the folder itself isn't as it
 * was, isn't one that `showsNewNames`, or one of the names can't be looked at.
 */
export function readKnownNatively(
  path: string,
  [ownBytes, nameBytes, rowBytes]: readonly Uint8Array[],
  showsNewNames: (own: FileRows) => boolean,
): ReadFolder | 'same' | undefined {
  if (ownBytes === undefined || nameBytes === undefined || rowBytes === undefined) return undefined;
  const fd = openFolder(path);
  try {
    statDescriptor(fd);
    putStatx(ownRow, 0, bound().stats);
    if (Buffer.compare(ownRowBytes, ownBytes) !== 0 || !showsNewNames(ownRow)) return undefined;
    const entries = lookAtNames(fd, nameBytes);
    if (entries === undefined) return undefined;
    const rows = room.rows.subarray(0, entries * rowFields);
    if (Buffer.compare(bytesOfRows(rows), rowBytes) === 0) return 'same';
    return { own: ownRow.slice(), nameBytes, rows: rows.slice() };
  } finally {
    closeSync(fd);
  }
}

/** That of a Buffer takes longer than the call of the system. */
const { indexOf } = Uint8Array.prototype;

/** How many rows it made; undefined where something can't be looked at. Small, as V8 compiles what is called so often. */
function lookAtNames(fd: number, nameBytes: Uint8Array): number | undefined {
  const { statx, stats, statsAddress } = bound();
  const address = addressOf(nameBytes);
  let entries = 0;
  for (let at = 0; at < nameBytes.length; at = indexOf.call(nameBytes, 0, at) + 1) {
    if (statx(fd, address + at, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, statsAddress) < 0) return undefined;
    putRow(entries, stats);
    entries += 1;
  }
  return entries;
}

function putRow(index: number, stats: Uint32Array): void {
  if ((index + 1) * rowFields > room.rows.length)
    room.rows = grown(room.rows, new Uint32Array(room.rows.length * 2));
  putStatx(room.rows, index, stats);
}

/** Adds the entries that one call listed. */
function readList(path: string, fd: number, length: number, size: { entries: number; names: number }): void {
  const { statx, list, listAddress, stats, statsAddress } = bound();
  for (let next = 0; next < length; ) {
    const start = next + dirent.name;
    next += (list[next + dirent.length] as number) | ((list[next + dirent.length + 1] as number) << 8);
    if (isDots(list, start)) continue;
    if (statx(fd, listAddress + start, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, statsAddress) < 0) {
      const code = lastErrno();
      if (code === 'ENOENT') continue;
      const name = decodeName(list.subarray(start, list.indexOf(0, start)));
      throw systemError('statx', `${path}/${name}`, code);
    }
    if (size.names + (next - start) > room.names.length)
      room.names = grown(room.names, new Uint8Array(room.names.length * 2));
    putRow(size.entries, stats);
    size.entries += 1;
    const end = list.indexOf(0, start) + 1;
    room.names.set(list.subarray(start, end), size.names);
    size.names += end - start;
  }
}

function isDots(list: Uint8Array, at: number): boolean {
  return list[at] === dot && (list[at + 1] === 0 || (list[at + 1] === dot && list[at + 2] === 0));
}

function grown<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** As `rowOfPath` of `file-rows.ts`. */
export function rowOfEntryNatively(path: string): FileRows | undefined {
  const { statxOf, statsAddress, stats } = bound();
  if (statxOf(AT_FDCWD, cPath(fsPath(path)), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, statsAddress) === 0)
    return rowIn(stats);
  const code = lastErrno();
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
  throw systemError('statx', path, code);
}

function rowIn(stats: Uint32Array): FileRows {
  const row = new Uint32Array(rowFields);
  putStatx(row, 0, stats);
  return row;
}

/** The row of an open file. */
export function rowOfDescriptor(fd: number): FileRows {
  statDescriptor(fd);
  return rowIn(bound().stats);
}

function statDescriptor(fd: number): void {
  const { statx, listAddress, statsAddress } = bound();
  const noPath = listAddress + listBytes;
  if (statx(fd, noPath, AT_EMPTY_PATH, STATX_BASIC_STATS, statsAddress) < 0) throw systemError('statx');
}
