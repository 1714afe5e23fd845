/**
 * Reads what a folder holds with all metadata, in the order and in the bytes that the system gives: a comparison with what it held
 * before needs no string and no object for each of 20,000 entries, which would cost as much as the system calls.
 */
import { opendirSync, statfsSync, statSync } from 'node:fs';
import {
  deviceOfRow,
  type FileRows,
  type ReadFolder,
  rowFields,
  rowOfPath,
  rowOfStats,
} from './file-rows.ts';
import { decodeName, encodeName, fsPath } from './names.ts';
import { readKnownNatively, readNatively, rowOfEntryNatively } from './statx.ts';

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
export function readFolder(path: string): ReadFolder {
  const folder = seen < worthNative ? readOneByOne(path) : readNatively(path);
  seen += folder.rows.length / rowFields;
  return folder;
}

/**
 * The same where this was there before (`partsOfFolder`), or that it still is: while the folder itself shows no change, its names
 * needn't be listed, which is a quarter of the work. Nothing of it may have been so young then that it could change again without a
 * new time.
 */
export function readFolderAfter(path: string, before: readonly Uint8Array[]): ReadFolder | 'same' {
  // The last zero keeps the system from reading on.
  const known =
    seen >= worthNative && before[1]?.at(-1) === 0
      ? readKnownNatively(path, before, (own) => showsNewNames(path, own))
      : undefined;
  return known ?? readFolder(path);
}

/**
 * File systems of which a folder gets another time with each name that is added, removed or replaced (statfs(2)): ext2 to ext4, XFS,
 * btrfs, tmpfs. Others may show what is elsewhere: a server, a program, the folders below an overlay.
 */
const ownTypes = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994]);
const ownDevices = new Map<number, boolean>();

function showsNewNames(path: string, row: FileRows): boolean {
  const device = deviceOfRow(row);
  const known = ownDevices.get(device) ?? ownTypes.has(statfsSync(path).type);
  ownDevices.set(device, known);
  return known;
}

/** The same in the same order, by Node's own functions. */
function readOneByOne(path: string): ReadFolder {
  const prefix = path.endsWith('/') ? path : `${path}/`;
  const names: string[] = [];
  const rows: FileRows[] = [];
  const own = rowOfStats(statSync(fsPath(path), { bigint: true }));
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
  return { own, nameBytes: bytesOfNames(names), rows: all };
}

function opened(path: string) {
  // Node gives buffers here, whatever its types say.
  const folder = opendirSync(fsPath(path) as string, {
    encoding: 'buffer' as BufferEncoding,
    bufferSize: 256,
  });
  return { readSync: () => folder.readSync(), [Symbol.dispose]: () => folder.closeSync() };
}

/** The row of one path, its last link not followed; undefined where nothing is there. */
export function rowOfEntry(path: string): FileRows | undefined {
  return seen < worthNative ? rowOfPath(path) : rowOfEntryNatively(path);
}
