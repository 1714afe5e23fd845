/**
 * What decides the result of a stage on the host's own programs: the host's release, its package database and
 * all of /etc that the builder root shows. Goes into keys.
 */
import { createHash } from 'node:crypto';
import { constants, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { canonicalJson, sha256 } from '../../kit/digest.ts';
import {
  bytesOfRows,
  type FileRows,
  folderOfParts,
  modeOfRow,
  partsOfFolder,
  type ReadFolder,
  rowsOlderThan,
  settledBefore,
  typeOfRow,
} from '../../kit/file-rows.ts';
import * as hostFiles from '../../kit/host-files.ts';
import { type Again, lookAt, sameParts, type Way } from '../../kit/looks.ts';
import { decodeName, fsPath } from '../../kit/names.ts';
import {
  bytesOfNames,
  entryNames,
  expectEntries,
  readFolder,
  readFolderAfter,
} from '../../kit/read-folder.ts';
import { joinPath } from '../../kit/walk.ts';
import { type FolderContent, folderContent, keepEntries } from './copy/folder-content.ts';

/** Remembers the digest of content by a fingerprint of its metadata. */
export interface IdentityCache {
  get(fingerprint: string): string | undefined;
  set(fingerprint: string, digest: string): void;
}

/** Volatile, or replaced in every run; what a stage sees of it must not come from the host. Paths inside /etc. */
const left = new Set([
  'adjtime',
  'hostname',
  'hosts',
  'machine-id',
  'resolv.conf',
  // Made anew for the builder root, whatever their modes are here.
  'gshadow',
  'shadow',
  'sudoers',
]);

/** A folder of /etc, less what is hidden. */
interface EtcFolder {
  /** Inside /etc. */
  path: string;
  all: ReadFolder;
  content: FolderContent;
  /** Names in it that are hidden. */
  hidden: string[];
  /** Folders in it that are shown. */
  inner: string[];
}

const usualEntries = 1000;

/** All of /etc as it is now, a folder before those in it: what a stage sees of it is equal while what is shown is. */
export const wayToEtc: Way<EtcFolder[]> = {
  name: 'etc',
  see: () => {
    const folders: EtcFolder[] = [];
    expectEntries(usualEntries);
    const walk = (path: string) => {
      const folder = etcFolder(path, readFolder(etcPath(path)));
      folders.push(folder);
      for (const name of folder.inner) walk(joinPath(path, name));
    };
    walk('');
    return folders;
  },
  bytesOf: (folders) => [
    bytesOfNames(folders.map(({ path }) => path)),
    ...folders.flatMap(({ all }) => partsOfFolder(all)),
  ],
  rowsOf: (folders) => folders.flatMap(({ all }) => [all.own, all.rows]),
  again: (_, before) => lookAgain(before),
};

function etcPath(path: string): string {
  return path === '' ? '/etc' : `/etc/${path}`;
}

function etcFolder(path: string, all: ReadFolder): EtcFolder {
  const listed = folderContent(all);
  const hidden: string[] = [];
  const inner: string[] = [];
  const content = keepEntries(listed, (index) => {
    const name = listed.names()[index] as string;
    const mode = modeOfRow(listed.rows, index);
    const isShown = !isHidden(joinPath(path, name), mode);
    if (!isShown) hidden.push(name);
    else if ((mode & S_IFMT) === S_IFDIR) inner.push(name);
    return isShown;
  });
  return { path, all, content, hidden, inner };
}

/** Entries that are hidden, or that change without any effect, may be others than before. */
function lookAgain([pathBytes, ...before]: readonly Uint8Array[]): Again<EtcFolder[]> {
  expectEntries(usualEntries);
  const found: (() => EtcFolder)[] = [];
  for (const [index, path] of entryNames(pathBytes ?? new Uint8Array()).entries()) {
    const parts = before.slice(index * 3, index * 3 + 3);
    const was = () => etcFolder(path, folderOfParts(parts));
    const read = readFolderAfter(etcPath(path), parts);
    const now = read === 'same' ? undefined : etcFolder(path, read);
    // Folders come before those in them, which may be gone.
    if (now !== undefined && !sameParts(coveredParts(now), coveredParts(was())))
      return { isSame: false, seen: () => wayToEtc.see('') };
    found.push(now === undefined ? was : () => now);
  }
  return { isSame: true, seen: () => found.map((folder) => folder()) };
}

function coveredParts(folder: EtcFolder): Uint8Array[] {
  const { nameBytes, rows } = covered(folder);
  return [nameBytes, bytesOfRows(rows)];
}

/** Of a folder, what the identity covers. */
function covered({ path, content }: EtcFolder): FolderContent {
  return path === '' ? keepEntries(content, (index) => !left.has(content.names()[index] as string)) : content;
}

/** Paths inside /etc that a builder root shows, in order of names, a folder right before what is in it. */
export function shownOfEtc(): string[] {
  return pathsOf(recentEtc());
}

/**
 * Those that it has to hide: files and folders that not everybody may read, volatile ones, sockets and devices. A folder that is hidden
 * isn't entered. A listing of a moment ago serves too.
 */
export function hiddenOfEtc(): string[] {
  return recentEtc().flatMap(({ path, hidden }) => hidden.map((name) => joinPath(path, name)));
}

/** The steps of a build follow each other closely, and a walk takes some milliseconds. */
const recentMs = 1000;
/** Node loads ten of its own modules for `performance`. */
const uptimeMs = () => process.uptime() * 1000;
let recent: { atMs: number; folders: EtcFolder[] } | undefined;

function recentEtc(): EtcFolder[] {
  return recent !== undefined && uptimeMs() - recent.atMs <= recentMs ? recent.folders : freshEtc();
}

function freshEtc(): EtcFolder[] {
  const folders = lookAt(wayToEtc, '');
  recent = { atMs: uptimeMs(), folders };
  return folders;
}

function pathsOf(folders: readonly EtcFolder[]): string[] {
  const byPath = new Map(folders.map(({ path, content }) => [path, content]));
  const below = (folder: string): string[] =>
    (byPath.get(folder)?.sorted().names ?? []).flatMap((name) => {
      const path = joinPath(folder, name);
      return [path, ...below(path)];
    });
  return below('');
}

const { S_IFMT, S_IFDIR, S_IFREG, S_IFLNK } = constants;

function isHidden(path: string, mode: number): boolean {
  // These get mounted over: they may be links, which the mounts follow.
  if (path === 'hostname' || path === 'hosts' || path === 'resolv.conf') return false;
  if (left.has(path)) return true;
  const type = mode & S_IFMT;
  if (type === S_IFLNK) return false;
  if (path === 'mtab') return true;
  const needed = type === S_IFDIR ? 0o5 : type === S_IFREG ? 0o4 : undefined;
  return needed === undefined || (mode & needed) !== needed;
}

/**
 * Digests by name. Files are read only when their metadata isn't known to `cache`; metadata that is too
 * young to show a further change isn't trusted.
 */
export function hostIdentity(cache: IdentityCache): Record<string, string> {
  const identity: Record<string, string> = { etc: etcDigest(cache) };
  const release = ['/etc/os-release', '/usr/lib/os-release']
    .map(contentOf)
    .find((text) => text !== undefined);
  if (release !== undefined) identity['release'] = sha256(release);
  for (const path of packageDatabases) {
    const row = hostFiles.rowOf(path);
    if (row === undefined) continue;
    const digest = remembered(cache, path, [row], () => {
      return sha256(
        typeOfRow(row) === 'directory' ? readdirSync(path).sort().join('\n') : readFileSync(path),
      );
    });
    identity[`packages ${path}`] = digest;
  }
  return identity;
}

/** Debian; RPM in its three forms; Arch (a folder a package, with its version in the name); Alpine. */
const packageDatabases = [
  '/var/lib/dpkg/status',
  '/var/lib/rpm/rpmdb.sqlite',
  '/var/lib/rpm/Packages',
  '/usr/lib/sysimage/rpm/rpmdb.sqlite',
  '/var/lib/pacman/local',
  '/lib/apk/db/installed',
];

function contentOf(path: string): Buffer | undefined {
  try {
    return hostFiles.readFileSync(path);
  } catch {
    return undefined;
  }
}

/** `parts`: metadata of the content, and what else decides the digest. */
function remembered(
  cache: IdentityCache,
  name: string,
  parts: readonly (FileRows | Uint8Array)[],
  compute: () => string,
): string {
  const settled = settledBefore();
  const hash = createHash('sha256').update(name);
  let isSettled = true;
  for (const part of parts) {
    hash.update('\0').update(part);
    if (part instanceof Uint32Array) isSettled &&= rowsOlderThan(part, settled);
  }
  const fingerprint = hash.digest('hex');
  const known = isSettled ? cache.get(fingerprint) : undefined;
  if (known !== undefined) return known;
  const digest = compute();
  if (isSettled) cache.set(fingerprint, digest);
  return digest;
}

function etcDigest(cache: IdentityCache): string {
  const folders = freshEtc();
  // An empty name ends the names of a folder.
  const parts = folders.map(covered).flatMap(({ nameBytes, rows }) => [nameBytes, rows]);
  return remembered(cache, '/etc', parts, () => {
    const hash = createHash('sha256');
    for (const path of pathsOf(folders))
      if (!left.has(path)) hash.update(`${canonicalJson(describe(path))}\n`);
    return `sha256:${hash.digest('hex')}`;
  });
}

/** All that a stage can see of one entry, times left out: they change without any effect. */
function describe(path: string): Record<string, unknown> {
  const at = fsPath(`/etc/${path}`);
  const stats = lstatSync(at);
  return {
    path,
    mode: stats.mode,
    owner: `${stats.uid}:${stats.gid}`,
    link: stats.isSymbolicLink() ? decodeName(readlinkSync(at, { encoding: 'buffer' })) : undefined,
    content: stats.isFile() ? sha256(readFileSync(at)) : undefined,
  };
}
