/**
 * Scans folders of the host. Digests are remembered by each file's identity (inode, size, mtime, ctime, mode, owner),
 * and the whole listing by a fingerprint over all identities: when nothing changed, a scan reads metadata only.
 */
import { createHash, hash } from 'node:crypto';
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../../kit/digest.ts';
import { errnoOf, wrongUse } from '../../../kit/errors.ts';
import { compileIgnore, type IgnoreMatch, type IgnoreMatcher, notIgnored } from '../../../kit/ignore.ts';
import { decodeName, fsPath } from '../../../kit/names.ts';
import { splitDevice } from '../../../kit/system.ts';
import { joinPath, listFolder, lstatIfAny, treeXattrs, typeOf } from '../../../kit/walk.ts';
import type { Database } from '../../../store/database.ts';
import { contentDigest, type Listed } from './listing.ts';
import { addSeen, fingerprintOf, identityOf, nothingSeen, type Seen, type Stats, statsOf } from './seen.ts';

/**
 * A file whose time is younger than this when it is scanned may change again without a new time: kernels stamp files
 * with a clock that ticks every 1–10 ms, some file systems every 2 s (then the fraction is zero).
 */
const clockGrainNs = 20_000_000n;
const coarseGrainNs = 2_000_000_000n;

export interface ScanRequest {
  /** Host folder that paths are relative to; no part of `path` may lead out of it. */
  root: string;
  /** File or folder below it; `''` for the root itself. */
  path: string;
  ignore?: readonly string[];
  keepsOwner: boolean;
}

export interface Scan {
  digest: Digest;
  /** Nothing changed since an earlier scan: its listing is kept already. */
  isKnown: boolean;
  /** Sorted by folder: each folder right before its content. Read only when needed. */
  listing(): readonly Listed[];
}

/** Scans a folder of the host, using and refreshing what the database remembers. */
export function scanFolder(db: Database, request: ScanRequest): Scan {
  const startNs = BigInt(Date.now()) * 1_000_000n;
  const seen = walkFolder(request);
  const fingerprint = fingerprintOf(seen);
  const name = JSON.stringify([request.root, request.path, request.ignore ?? [], request.keepsOwner]);
  const row = db.prepare('SELECT fingerprint, digest FROM scans WHERE root = ?').get(name) as
    | { fingerprint: string; digest: Digest }
    | undefined;
  const remembered = () => {
    const found = db.prepare('SELECT listing FROM scans WHERE root = ?').get(name) as
      | { listing: Uint8Array }
      | undefined;
    return found ? (JSON.parse(Buffer.from(found.listing).toString()) as Listed[]) : [];
  };
  if (row?.fingerprint === fingerprint) {
    let lazy: Listed[] | undefined;
    return { digest: row.digest, isKnown: true, listing: () => (lazy ??= remembered()) };
  }
  const listing = listEntries(request, seen, row ? remembered() : [], startNs);
  const digest = contentDigest(listing, request.keepsOwner);
  // A racy entry must be read again next time: no fingerprint may vouch for it.
  const trusted = listing.some((entry) => entry.racy) ? '' : fingerprint;
  db.prepare(
    'INSERT OR REPLACE INTO scans (root, fingerprint, digest, listing, last_used_ms) VALUES (?, ?, ?, ?, ?)',
  ).run(name, trusted, digest, Buffer.from(JSON.stringify(listing)), Date.now());
  return { digest, isKnown: false, listing: () => listing };
}

/** Scans a tree that can't change (a snapshot's view): nothing is remembered here. */
export function scanTree(request: ScanRequest): Scan {
  const listing = listEntries(request, walkFolder(request), [], undefined);
  return { digest: contentDigest(listing, request.keepsOwner), isKnown: false, listing: () => listing };
}

function walkFolder(request: ScanRequest): Seen {
  const top = join(request.root, request.path);
  const stats = lstatIfAny(top);
  if (stats === undefined) {
    throw wrongUse(
      'missing-file',
      `${request.path || request.root} was not found${request.path ? ` in ${request.root}` : ''}.`,
    );
  }
  const ignore = request.ignore?.length ? compileIgnore(request.ignore) : undefined;
  const seen = nothingSeen();
  addSeen(seen, '', stats);
  if (typeOf(stats) === 'directory') {
    let matches = notIgnored;
    if (ignore) for (const prefix of prefixes(request.path)) matches = ignore.match(prefix, matches);
    walkInto(request, top, '', ignore, matches, seen);
  }
  return seen;
}

function prefixes(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '');
  return names.map((_, index) => names.slice(0, index + 1).join('/'));
}

/** True when something below was taken. */
function walkInto(
  request: ScanRequest,
  folder: string,
  path: string,
  ignore: IgnoreMatcher | undefined,
  matches: IgnoreMatch,
  seen: Seen,
): void {
  for (const name of listFolder(folder)) {
    const at = joinPath(path, name);
    const host = `${folder}/${name}`;
    const match = ignore ? ignore.match(joinPath(request.path, at), matches) : notIgnored;
    if (match.ignored && !ignore?.hasExceptions) continue;
    const stats = lstatIfAny(host);
    if (stats === undefined) continue;
    const type = typeOf(stats);
    if (type === 'socket' || (match.ignored && type !== 'directory')) continue;
    const before = seen.paths.length;
    addSeen(seen, at, stats);
    if (type === 'directory') walkInto(request, host, at, ignore, match, seen);
    // A folder that is ignored stays only for what was taken back below it.
    if (match.ignored && seen.paths.length === before + 1) seen.paths.pop();
  }
}

/** `startNs`: when the scan began; undefined where files can't change. */
function listEntries(
  request: ScanRequest,
  seen: Seen,
  known: readonly Listed[],
  startNs: bigint | undefined,
): Listed[] {
  const old = new Map(known.map((entry) => [entry.path, entry]));
  const firstOfInode = new Map<string, string>();
  return seen.paths.map((path, index) => {
    const stats = statsOf(seen, index);
    const type = typeOf(stats);
    const identity = identityOf(stats);
    const entry: Listed = {
      path,
      type,
      mode: Number(stats.mode & 0o7777n),
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      size: type === 'file' ? Number(stats.size) : 0,
      mtime: String(stats.mtimeNs),
      identity,
    };
    if (type === 'file' && stats.nlink > 1n) {
      const first = firstOfInode.get(identity);
      if (first === undefined) firstOfInode.set(identity, path);
      else entry.sameAs = first;
    }
    if (startNs !== undefined && isRacy(stats, startNs)) entry.racy = true;
    const before = old.get(path);
    if (before !== undefined && isSame(before, entry)) {
      const { link, device, xattrs, digest } = before;
      return Object.assign(
        entry,
        link !== undefined && { link },
        device && { device },
        xattrs && { xattrs },
        digest && { digest },
      );
    }
    addContent(entry, join(request.root, request.path, path), stats);
    return entry;
  });
}

function isSame(before: Listed, now: Listed): boolean {
  return (
    !before.racy &&
    before.identity === now.identity &&
    before.size === now.size &&
    before.mtime === now.mtime &&
    before.mode === now.mode &&
    before.type === now.type
  );
}

function isRacy(stats: Stats, startNs: bigint): boolean {
  const newest = stats.mtimeNs > stats.ctimeNs ? stats.mtimeNs : stats.ctimeNs;
  const grain = stats.ctimeNs % 1_000_000_000n === 0n ? coarseGrainNs : clockGrainNs;
  return newest > startNs - grain;
}

function addContent(entry: Listed, host: string, stats: Stats): void {
  if (entry.type === 'file') entry.digest = hashFile(host, entry);
  if (entry.type === 'symlink') entry.link = decodeName(readlinkSync(fsPath(host), { encoding: 'buffer' }));
  if (entry.type === 'char' || entry.type === 'block') entry.device = splitDevice(stats.rdev);
  const xattrs = treeXattrs(host);
  if (xattrs)
    entry.xattrs = Object.fromEntries([...xattrs].map(([name, value]) => [name, value.toString('base64')]));
}

const chunk = Buffer.allocUnsafe(1 << 20);

/** SHA-256 of a file's content in hex; fails when the file changes meanwhile. */
export function hashFile(host: string, expected?: Listed): string {
  const fd = openToRead(host);
  try {
    let length = readSync(fd, chunk, 0, chunk.length, null);
    let result: string;
    if (length < chunk.length) result = hash('sha256', chunk.subarray(0, length));
    else {
      const hasher = createHash('sha256');
      for (; length > 0; length = readSync(fd, chunk, 0, chunk.length, null))
        hasher.update(chunk.subarray(0, length));
      result = hasher.digest('hex');
    }
    if (expected !== undefined) checkListed(host, expected, fstatSync(fd, { bigint: true }));
    return result;
  } finally {
    closeSync(fd);
  }
}

function openToRead(host: string): number {
  try {
    return openSync(fsPath(host), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'ENXIO'].includes(errnoOf(error) ?? '')) throw changedWhileRead(host, error);
    throw error;
  }
}

/** The error for a source that a person, or a program, edits while it is copied. */
export function changedWhileRead(host: string, cause?: unknown) {
  return wrongUse('changed-while-copied', `The file ${host} changed while it was being copied.`, {
    hint: 'Build again when nothing writes to it, or leave it out with an ignore file.',
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Checks that a file on the host is still the one that was listed. */
export function checkListed(host: string, entry: Listed, now: BigIntStats): void {
  if (
    identityOf(now) !== entry.identity ||
    String(now.mtimeNs) !== entry.mtime ||
    Number(now.size) !== entry.size
  ) {
    throw changedWhileRead(host);
  }
}
