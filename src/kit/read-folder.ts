/**
 * Reads what a folder holds with all metadata, in the order and in the bytes that the system gives: a comparison with what it held
 * before needs no string and no object for each of 20,000 entries, which would cost as much as the system calls.
 */
import { closeSync, opendirSync } from 'node:fs';
import { type FileRows, putStatx, rowFields, rowOfPath } from './file-rows.ts';
import { decodeName, encodeName, fsPath } from './names.ts';
import { addressOf, cPath, lastErrno, nativeNow, systemError } from './native.ts';
import { openFolder } from './system.ts';

export interface FolderEntries {
  /** Each ended by a zero. */
  nameBytes: Uint8Array;
  /** In the order of the names. */
  rows: FileRows;
}

/** Names of entries, as strings that hold all bytes (`names.ts`). */
export function entryNames(nameBytes: Uint8Array): string[] {
  const text = Buffer.from(nameBytes.buffer, nameBytes.byteOffset, nameBytes.byteLength).toString();
  const names = text.split('\0').slice(0, -1);
  // A name that is no UTF-8 was read with U+FFFD in it: then read the bytes.
  return text.includes('\ufffd') ? splitNames(nameBytes).map(decodeName) : names;
}

function splitNames(nameBytes: Uint8Array): Uint8Array[] {
  const names: Uint8Array[] = [];
  for (let at = 0; at < nameBytes.length; ) {
    const end = nameBytes.indexOf(0, at);
    names.push(nameBytes.subarray(at, end));
    at = end + 1;
  }
  return names;
}

export function bytesOfNames(names: readonly string[]): Uint8Array {
  return encodeName(names.map((name) => `${name}\0`).join(''));
}

/** From so many entries on, loading the native library (1.5 ms) costs less than it saves: some 20 µs each. */
const worthNative = 80;
let seen = 0;

/** Told before so many entries are looked at in many folders: small ones too are then read the faster way. */
export function expectEntries(count: number): void {
  if (count >= worthNative) seen = worthNative;
}

/** What is in the folder at this path, no links followed. */
export function readFolder(path: string): FolderEntries {
  const entries = seen < worthNative ? readOneByOne(path) : readNatively(path);
  seen += entries.rows.length / rowFields;
  return entries;
}

/** The same in the same order, by Node's own functions. */
function readOneByOne(path: string): FolderEntries {
  const prefix = path.endsWith('/') ? path : `${path}/`;
  const names: string[] = [];
  const rows: FileRows[] = [];
  using folder = opened(path);
  for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
    const name = decodeName(entry.name as unknown as Buffer);
    const row = rowOfPath(prefix + name);
    if (row === undefined) continue;
    names.push(name);
    rows.push(row);
  }
  const all = new Uint32Array(rows.length * rowFields);
  for (const [index, row] of rows.entries()) all.set(row, index * rowFields);
  return { nameBytes: bytesOfNames(names), rows: all };
}

function opened(path: string) {
  // Node gives buffers here, whatever its types say.
  const folder = opendirSync(fsPath(path) as string, {
    encoding: 'buffer' as BufferEncoding,
    bufferSize: 256,
  });
  return { readSync: () => folder.readSync(), [Symbol.dispose]: () => folder.closeSync() };
}

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

function readNatively(path: string): FolderEntries {
  const { getdents, listAddress } = bound();
  const fd = openFolder(path);
  const size = { entries: 0, names: 0 };
  try {
    for (;;) {
      const length = getdents(fd, listAddress, listBytes);
      if (length < 0) throw systemError('getdents64', path);
      if (length === 0) break;
      readList(path, fd, length, size);
    }
  } finally {
    closeSync(fd);
  }
  return { nameBytes: room.names.slice(0, size.names), rows: room.rows.slice(0, size.entries * rowFields) };
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
    if ((size.entries + 1) * rowFields > room.rows.length)
      room.rows = grown(room.rows, new Uint32Array(room.rows.length * 2));
    if (size.names + (next - start) > room.names.length)
      room.names = grown(room.names, new Uint8Array(room.names.length * 2));
    putStatx(room.rows, size.entries, stats);
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

/** The row of one path, its last link not followed; undefined where nothing is there. */
export function rowOfEntry(path: string): FileRows | undefined {
  if (seen < worthNative) return rowOfPath(path);
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
  const { statx, listAddress, stats, statsAddress } = bound();
  const noPath = listAddress + listBytes;
  if (statx(fd, noPath, AT_EMPTY_PATH, STATX_BASIC_STATS, statsAddress) < 0) throw systemError('statx');
  return rowIn(stats);
}
