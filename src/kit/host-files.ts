/**
 * Reads files of the host that decide a plan or a key: Node's own functions by their own names, and folders with metadata. What they
 * look at is noted (`looks.ts`): content by the metadata of its file, as scans do.
 */
import * as fs from 'node:fs';
import { errnoOf } from './errors.ts';
import {
  bytesOfRows,
  type FileRows,
  type FolderEntries,
  folderOfParts,
  partsOfFolder,
  type ReadFolder,
  rowOfStats,
} from './file-rows.ts';
import { lookAt, noteLook, sameParts, type Way } from './looks.ts';
import { fsPath } from './names.ts';
import { bytesOfNames, readFolder, readFolderAfter, rowOfEntry } from './read-folder.ts';
import * as stat from './stat.ts';

/** What is seen, or the code of the error that keeps one from it. */
type Or<T> = T | { code: string };

function tried<T extends object>(look: () => T): Or<T> {
  try {
    return look();
  } catch (error) {
    return { code: errnoOf(error) ?? 'ERROR' };
  }
}

function bytesOf<T extends object>(seen: Or<T>, bytes: (seen: T) => Uint8Array): Uint8Array[] {
  return 'code' in seen ? [Buffer.from(seen.code)] : [bytes(seen)];
}

const missing = { code: 'ENOENT' };
function metadata(name: string, see: (path: string) => FileRows | undefined): Way<Or<FileRows>> {
  return {
    name,
    see: (path) => tried(() => see(path) ?? missing) as Or<FileRows>,
    bytesOf: (seen) => bytesOf(seen, bytesOfRows),
    rowsOf: (seen) => ('code' in seen ? [] : [seen]),
  };
}

const entry = metadata('entry', rowOfEntry);
const target = metadata('target', (path) => {
  const stats = fs.statSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
  return stats && rowOfStats(stats);
});

const names: Way<Or<string[]>> = {
  name: 'names',
  see: (path) => tried(() => fs.readdirSync(fsPath(path))),
  bytesOf: (seen) => bytesOf(seen, bytesOfNames),
};

const presence: Way<boolean> = {
  name: 'presence',
  see: (path) => fs.existsSync(fsPath(path)),
  bytesOf: (isThere) => [Uint8Array.of(isThere ? 1 : 0)],
};

const real: Way<Or<[string]>> = {
  name: 'real',
  see: (path) => tried((): [string] => [fs.realpathSync.native(path)]),
  bytesOf: (seen) => bytesOf(seen, ([path]) => Buffer.from(path)),
};

const folder: Way<ReadFolder> = {
  name: 'folder',
  see: readFolder,
  bytesOf: partsOfFolder,
  rowsOf: ({ own, rows }) => [own, rows],
  again(path, before) {
    const read = readFolderAfter(path, before);
    if (read === 'same') return { isSame: true, seen: () => folderOfParts(before) };
    return { isSame: sameParts(partsOfFolder(read), before), seen: () => read };
  },
};

/** All ways to look that this module knows. */
export const waysToLook = [entry, target, names, presence, real, folder] as const;

/** As `readFolder`. */
export function listEntries(path: string): FolderEntries {
  return lookAt(folder, path);
}

/** As `rowOfEntry`. */
export function rowOf(path: string): FileRows | undefined {
  noteLook(entry, path);
  return rowOfEntry(path);
}

export function existsSync(path: string): boolean {
  return lookAt(presence, path);
}

export const statSync: typeof fs.statSync = ((path: string, options?: fs.StatSyncOptions) => {
  noteLook(target, path);
  return fs.statSync(path, options);
}) as typeof fs.statSync;

/** As that of `stat.ts`. */
export function statIfThere(path: string): fs.Stats | undefined {
  noteLook(target, path);
  return stat.statIfThere(path);
}

export const lstatSync: typeof fs.statSync = ((path: string, options?: fs.StatSyncOptions) => {
  noteLook(entry, path);
  return fs.lstatSync(path, options);
}) as typeof fs.statSync;

export function readdirSync(path: string): string[] {
  noteLook(names, path);
  return fs.readdirSync(path);
}

export const realpathSync = {
  native(path: string): string {
    noteLook(real, path);
    return fs.realpathSync.native(path);
  },
};

export const readFileSync: typeof fs.readFileSync = ((path: string, options?: BufferEncoding) => {
  // What is written after this look shows in the next one, whatever of it was read here.
  noteLook(target, path);
  return fs.readFileSync(path, options);
}) as typeof fs.readFileSync;
