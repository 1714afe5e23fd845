/**
 * Metadata of many files as rows of numbers in one array: an object for each of 20,000 files would cost more than the
 * system calls that fill it do.
 */
import { type BigIntStats, closeSync, lstatSync } from 'node:fs';
import { fsPath } from './names.ts';
import { cPath, lastErrno, native, systemError } from './native.ts';
import { openFolder, splitDevice } from './system.ts';
import type { EntryType } from './tree.ts';

/** `rowFields` numbers a file, each below 2^32. */
export type FileRows = Uint32Array;

/** Numbers of 64 bits are two fields, the lower half first. */
const field = {
  mode: 0,
  uid: 1,
  gid: 2,
  links: 3,
  size: 4,
  mtime: 6,
  mtimeNs: 8,
  ctime: 9,
  ctimeNs: 11,
  inode: 12,
  /** As the kernel has it: 12 bits of major, 20 of minor number. */
  dev: 14,
  rdev: 15,
} as const;

export const rowFields = 16;

/** A view of the `index`-th row. */
export function rowAt(rows: FileRows, index: number): FileRows {
  return rows.subarray(index * rowFields, (index + 1) * rowFields);
}

export function typeOfRow(rows: FileRows, index = 0): EntryType {
  switch ((rows[index * rowFields + field.mode] as number) & 0o170000) {
    case 0o100000:
      return 'file';
    case 0o040000:
      return 'directory';
    case 0o120000:
      return 'symlink';
    case 0o020000:
      return 'char';
    case 0o060000:
      return 'block';
    case 0o010000:
      return 'fifo';
    default:
      return 'socket';
  }
}

export interface RowMetadata {
  /** 07777. */
  mode: number;
  uid: number;
  gid: number;
  links: number;
  mtimeNs: bigint;
  ctimeNs: bigint;
  /** Of a device node. */
  device: { major: number; minor: number };
}

export function readRow(row: FileRows): RowMetadata {
  const rdev = row[field.rdev] as number;
  return {
    mode: (row[field.mode] as number) & 0o7777,
    uid: row[field.uid] as number,
    gid: row[field.gid] as number,
    links: row[field.links] as number,
    mtimeNs: timeIn(row, field.mtime),
    ctimeNs: timeIn(row, field.ctime),
    device: { major: rdev >>> 20, minor: rdev & 0xfffff },
  };
}

/** Whether two rows are of one file in one state: any change of it shows in its ctime at least. */
export function sameRow(a: FileRows, b: FileRows): boolean {
  for (let at = 0; at < rowFields; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** Names an inode, for files with several names. */
export function inodeOf(row: FileRows): string {
  return `${row[field.dev]}.${row[field.inode]}.${row[field.inode + 1]}`;
}

export function linksOfRow(rows: FileRows, index: number): number {
  return rows[index * rowFields + field.links] as number;
}

/** Whether neither the content nor anything else of the file changed since so many seconds after the epoch, for sure. */
export function isOlderThan(rows: FileRows, index: number, seconds: number): boolean {
  const at = index * rowFields;
  // The upper halves are zero until 2106, but for times before 1970.
  return [field.mtime, field.ctime].every(
    (time) => rows[at + time + 1] === 0 && (rows[at + time] as number) < seconds,
  );
}

/** Makes a row that no file has: compared with it, each file has changed. */
export function spoilRow(row: FileRows): void {
  row[field.ctimeNs] = 0xffffffff;
}

function timeIn(row: FileRows, at: number): bigint {
  const seconds = BigInt.asIntN(64, (BigInt(row[at + 1] as number) << 32n) | BigInt(row[at] as number));
  return seconds * 1_000_000_000n + BigInt(row[at + 2] as number);
}

export function rowOfStats(stats: BigIntStats): FileRows {
  const row = new Uint32Array(rowFields);
  const device = ({ major, minor }: { major: number; minor: number }) => ((major << 20) | minor) >>> 0;
  const wide = (at: number, value: bigint) => {
    row[at] = Number(value & 0xffffffffn);
    row[at + 1] = Number((value >> 32n) & 0xffffffffn);
  };
  const time = (at: number, ns: bigint) => {
    const rest = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    wide(at, (ns - rest) / 1_000_000_000n);
    row[at + 2] = Number(rest);
  };
  row[field.mode] = Number(stats.mode);
  row[field.uid] = Number(stats.uid);
  row[field.gid] = Number(stats.gid);
  row[field.links] = Number(stats.nlink);
  wide(field.size, stats.size);
  time(field.mtime, stats.mtimeNs);
  time(field.ctime, stats.ctimeNs);
  wide(field.inode, stats.ino);
  row[field.dev] = device(splitDevice(stats.dev));
  row[field.rdev] = device(splitDevice(stats.rdev));
  return row;
}

/** The row of one path, no link followed; undefined where nothing is there. */
export function rowOfPath(path: string): FileRows | undefined {
  const stats = lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
  return stats && rowOfStats(stats);
}

const statxCall = native('int statx(int dir, const char *path, int flags, unsigned int mask, void *buffer)');
const STATX_BASIC_STATS = 0x7ff;
const AT_SYMLINK_NOFOLLOW = 0x100;

/** Where struct statx (statx(2)) has what a row has, in 32-bit numbers; its mode is a 16-bit number. */
const statx = {
  links: 4,
  uid: 5,
  gid: 6,
  mode: 7,
  inode: 8,
  size: 10,
  ctime: 24,
  mtime: 28,
  rdev: 32,
  dev: 34,
};

/** From so many files on, loading the native library (6 ms) costs less than it saves. */
const worthNative = 1000;
let seen = 0;

/** Rows of the entries `names` of a folder, no links followed; names that are gone are taken out of the list. */
export function readRows(folder: string, names: string[]): FileRows {
  seen += names.length;
  const rows = new Uint32Array(names.length * rowFields);
  const fill = seen < worthNative ? fillOneByOne : fillNatively;
  const there = fill(folder, names, rows);
  names.length = there;
  return there * rowFields === rows.length ? rows : rows.slice(0, there * rowFields);
}

function fillOneByOne(folder: string, names: string[], rows: FileRows): number {
  const prefix = folder.endsWith('/') ? folder : `${folder}/`;
  let there = 0;
  for (const name of names) {
    const row = rowOfPath(prefix + name);
    if (row === undefined) continue;
    names[there] = name;
    rows.set(row, there * rowFields);
    there += 1;
  }
  return there;
}

const buffer = new Uint32Array(64);

function fillNatively(folder: string, names: string[], rows: FileRows): number {
  const fd = openFolder(folder);
  let there = 0;
  try {
    for (const name of names) {
      const result = statxCall(fd, cPath(fsPath(name)), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, buffer);
      if (result < 0) {
        const code = lastErrno();
        if (code === 'ENOENT') continue;
        throw systemError('statx', `${folder}/${name}`, code);
      }
      names[there] = name;
      takeStatx(rows, there * rowFields);
      there += 1;
    }
  } finally {
    closeSync(fd);
  }
  return there;
}

function takeStatx(rows: FileRows, at: number): void {
  const word = (index: number) => buffer[index] as number;
  rows[at + field.mode] = word(statx.mode) & 0xffff;
  rows[at + field.uid] = word(statx.uid);
  rows[at + field.gid] = word(statx.gid);
  rows[at + field.links] = word(statx.links);
  rows[at + field.size] = word(statx.size);
  rows[at + field.size + 1] = word(statx.size + 1);
  for (const [to, from] of times) {
    rows[at + to] = word(from);
    rows[at + to + 1] = word(from + 1);
    rows[at + to + 2] = word(from + 2);
  }
  rows[at + field.inode] = word(statx.inode);
  rows[at + field.inode + 1] = word(statx.inode + 1);
  rows[at + field.dev] = ((word(statx.dev) << 20) | word(statx.dev + 1)) >>> 0;
  rows[at + field.rdev] = ((word(statx.rdev) << 20) | word(statx.rdev + 1)) >>> 0;
}

const times = [
  [field.mtime, statx.mtime],
  [field.ctime, statx.ctime],
] as const;
