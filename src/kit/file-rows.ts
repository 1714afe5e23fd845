/**
 * Metadata of many files as rows of numbers in one array: an object for each of 20,000 files would cost more than the
 * system calls that fill it do.
 */
import { type BigIntStats, lstatSync } from 'node:fs';
import { fsPath } from './names.ts';
import { splitDevice } from './system.ts';
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

export interface FolderEntries {
  /** Each ended by a zero. */
  nameBytes: Uint8Array;
  /** In the order of the names. */
  rows: FileRows;
}

export interface ReadFolder extends FolderEntries {
  /** Of the folder itself, before its entries were listed. */
  own: FileRows;
}

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

/** Type and permissions, as `st_mode` has them. */
export function modeOfRow(rows: FileRows, index = 0): number {
  return rows[index * rowFields + field.mode] as number;
}

/** Of these bytes, wherever they lie. */
function rowsOfBytes(bytes: Uint8Array | undefined): FileRows {
  // Not `slice`, which a Buffer has otherwise.
  return new Uint32Array(new Uint8Array(bytes ?? []).buffer);
}

/** A folder as bytes: its own row, the names and rows of its entries. */
export function partsOfFolder({ own, nameBytes, rows }: ReadFolder): Uint8Array[] {
  return [bytesOfRows(own), nameBytes, bytesOfRows(rows)];
}

export function folderOfParts([own, nameBytes, rows]: readonly Uint8Array[]): ReadFolder {
  return { own: rowsOfBytes(own), nameBytes: nameBytes ?? new Uint8Array(), rows: rowsOfBytes(rows) };
}

export function bytesOfRows({ buffer, byteOffset, byteLength }: FileRows): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Of a file, in bytes. */
export function sizeOfRow(row: FileRows): number {
  return (row[field.size + 1] as number) * 2 ** 32 + (row[field.size] as number);
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

/** A number for each file system. */
export function deviceOfRow(row: FileRows): number {
  return row[field.dev] as number;
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

/** Younger files may change again without a new time: kernels stamp them by a clock that ticks, on some disks every 2 s. */
const grainSeconds = 3;

/** Seconds since the epoch: a file that was looked at after `atMs` and whose times are older shows any further change of it. */
export function settledBefore(atMs = Date.now()): number {
  return Math.floor(atMs / 1000) - grainSeconds;
}

/** The same of all rows. */
export function rowsOlderThan(rows: FileRows, seconds: number): boolean {
  for (let index = 0; index < rows.length / rowFields; index++)
    if (!isOlderThan(rows, index, seconds)) return false;
  return true;
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

/** Writes the `index`-th row from a struct statx (statx(2)) in 32-bit numbers. */
export function putStatx(rows: FileRows, index: number, statx: Uint32Array): void {
  const at = index * rowFields;
  rows[at + field.links] = statx[4] as number;
  rows[at + field.uid] = statx[5] as number;
  rows[at + field.gid] = statx[6] as number;
  // A number of 16 bits, and 16 bits that mean nothing.
  rows[at + field.mode] = (statx[7] as number) & 0xffff;
  rows[at + field.inode] = statx[8] as number;
  rows[at + field.inode + 1] = statx[9] as number;
  rows[at + field.size] = statx[10] as number;
  rows[at + field.size + 1] = statx[11] as number;
  rows[at + field.ctime] = statx[24] as number;
  rows[at + field.ctime + 1] = statx[25] as number;
  rows[at + field.ctimeNs] = statx[26] as number;
  rows[at + field.mtime] = statx[28] as number;
  rows[at + field.mtime + 1] = statx[29] as number;
  rows[at + field.mtimeNs] = statx[30] as number;
  // Major and minor numbers.
  rows[at + field.rdev] = (((statx[32] as number) << 20) | (statx[33] as number)) >>> 0;
  rows[at + field.dev] = (((statx[34] as number) << 20) | (statx[35] as number)) >>> 0;
}
