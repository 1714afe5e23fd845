/** Reads file system entries with all their metadata; symlinks are never followed. */
import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { decodeName, fsPath } from './names.ts';
import { readXattrs, splitDevice } from './system.ts';
import type { Entry, EntryType } from './tree.ts';

export function lstat(path: string): BigIntStats {
  return lstatSync(fsPath(path), { bigint: true });
}

/** As `lstat`, but undefined where nothing is there. */
export function lstatIfAny(path: string): BigIntStats | undefined {
  return lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
}

/** Names in a folder, sorted by UTF-16 units: the order that every listing of ours has. */
export function listFolder(path: string): string[] {
  const names = readdirSync(fsPath(path));
  // A name that is no UTF-8 was read with U+FFFD in it: then read the bytes.
  const exact = names.some((name) => name.includes('\ufffd'))
    ? readdirSync(fsPath(path), { encoding: 'buffer' }).map(decodeName)
    : names;
  return exact.sort();
}

export function typeOf(stats: Pick<BigIntStats, 'mode'>): EntryType {
  switch (stats.mode & 0o170000n) {
    case 0o100000n:
      return 'file';
    case 0o040000n:
      return 'directory';
    case 0o120000n:
      return 'symlink';
    case 0o020000n:
      return 'char';
    case 0o060000n:
      return 'block';
    case 0o010000n:
      return 'fifo';
    default:
      return 'socket';
  }
}

/** Attributes that belong to the kernel's file system drivers, not to the tree. */
const foreignXattr =
  /^(trusted\.overlay\.|user\.overlay\.|btrfs\.|system\.(?!posix_acl_)|security\.selinux$)/;

/** The entry at host path `host`, called `path`. */
export function readEntry(host: string, path: string, stats: BigIntStats = lstat(host)): Entry {
  const type = typeOf(stats);
  const entry: Entry = {
    path,
    type,
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: type === 'file' ? Number(stats.size) : 0,
    mtimeNs: stats.mtimeNs,
  };
  if (type === 'symlink') entry.link = decodeName(readlinkSync(fsPath(host), { encoding: 'buffer' }));
  if (type === 'char' || type === 'block') entry.device = splitDevice(stats.rdev);
  if (type !== 'directory' && stats.nlink > 1n) entry.inode = `${stats.dev}:${stats.ino}`;
  const xattrs = treeXattrs(host);
  if (xattrs) entry.xattrs = xattrs;
  return entry;
}

/** Extended attributes that an image carries. */
export function treeXattrs(host: string): Map<string, Buffer> | undefined {
  const all = readXattrs(host);
  if (all === undefined) return undefined;
  for (const name of all.keys()) if (foreignXattr.test(name)) all.delete(name);
  return all.size > 0 ? all : undefined;
}

/** Whether two entries agree in all but path, content and inode. */
export function sameMetadata(a: Entry, b: Entry): boolean {
  const xattrs = (entry: Entry) =>
    [...(entry.xattrs ?? [])].map(([name, value]) => `${name}=${value.toString('hex')}`).join();
  return (
    a.type === b.type &&
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.size === b.size &&
    a.mtimeNs === b.mtimeNs &&
    a.link === b.link &&
    xattrs(a) === xattrs(b)
  );
}

/** `a/b`, or `b` at the root. */
export function joinPath(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}
