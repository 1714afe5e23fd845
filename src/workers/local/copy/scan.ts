/**
 * Scans folders of the host. Digests are remembered by each file's identity (inode, size, mtime, ctime, mode, owner),
 * and the whole listing by a fingerprint over all identities: when nothing changed, a scan reads metadata only.
 */
import { createHash, hash } from 'node:crypto';
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../../kit/digest.ts';
import { errnoOf, wrongUse } from '../../../kit/errors.ts';
import { decodeName, fsPath } from '../../../kit/names.ts';
import { splitDevice } from '../../../kit/system.ts';
import { treeXattrs, typeOf } from '../../../kit/walk.ts';
import type { Database } from '../../../store/database.ts';
import { contentDigest, type Listed } from './listing.ts';

/**
 * A file whose time is younger than this when it is scanned may change again without a new time: kernels stamp files
 * with a clock that ticks every 1–10 ms, some file systems every 2 s (then the fraction is zero).
 */
const clockGrainNs = 20_000_000n;
const coarseGrainNs = 2_000_000_000n;

export interface ScanRequest {
  /** Host path of what is scanned. */
  host: string;
  /** It and all below it that is taken, each folder right before its content. */
  entries: readonly Seen[];
  keepsOwner: boolean;
  /** What files held that were read before in this process, by identity: nothing is read twice. */
  memo: Map<string, ReadContent>;
}

/** What is found out by reading an entry, beyond its metadata. */
export type ReadContent = Pick<Listed, 'digest' | 'link' | 'device' | 'xattrs'>;

export interface Seen {
  /** Relative to what is scanned; `''` is that itself. */
  path: string;
  stats: BigIntStats;
}

export interface Scan {
  digest: Digest;
  /** Nothing changed since an earlier scan: its listing is kept already. */
  isKnown: boolean;
  /** Sorted by folder: each folder right before its content. Read only when needed. */
  listing(): readonly Listed[];
}

/** Scans what a copy takes of a folder of the host, using and refreshing what the database remembers under `name`. */
export function scanFolder(db: Database, name: string, request: ScanRequest): Scan {
  const startNs = BigInt(Date.now()) * 1_000_000n;
  const fingerprint = fingerprintOf(request.entries);
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
  const listing = listEntries(request, row ? remembered() : [], startNs);
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
  const listing = listEntries(request, [], undefined);
  return { digest: contentDigest(listing, request.keepsOwner), isKnown: false, listing: () => listing };
}

/** Numbers in one array: hashing text of each entry of a large folder would cost more than the system calls do. */
function fingerprintOf(seen: readonly Seen[]): string {
  const numbers = new BigInt64Array(seen.length * 9);
  for (const [index, { stats }] of seen.entries()) {
    const at = index * 9;
    numbers[at] = stats.mode;
    numbers[at + 1] = stats.uid;
    numbers[at + 2] = stats.gid;
    numbers[at + 3] = stats.size;
    numbers[at + 4] = stats.mtimeNs;
    numbers[at + 5] = stats.nlink;
    numbers[at + 6] = stats.dev;
    numbers[at + 7] = stats.ino;
    numbers[at + 8] = stats.ctimeNs;
  }
  const paths = seen.map(({ path }) => path).join('\0');
  return createHash('sha256').update(paths).update(numbers).digest('hex');
}

function identityOf(stats: BigIntStats): string {
  return `${stats.dev}.${stats.ino}.${stats.ctimeNs}`;
}

/** `startNs`: when the scan began; undefined where files can't change. */
function listEntries(
  { host: top, entries, memo }: ScanRequest,
  known: readonly Listed[],
  startNs: bigint | undefined,
): Listed[] {
  const old = new Map(known.map((entry) => [entry.path, entry]));
  const firstOfInode = new Map<string, string>();
  return entries.map(({ path, stats }) => {
    const type = typeOf(stats);
    const identity = identityOf(stats);
    const host = join(top, path);
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
    const name = `${identity}.${stats.size}.${stats.mtimeNs}`;
    const content = memo.get(name) ?? readContent(entry, host, stats);
    memo.set(name, content);
    return Object.assign(entry, content);
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

function isRacy(stats: BigIntStats, startNs: bigint): boolean {
  const newest = stats.mtimeNs > stats.ctimeNs ? stats.mtimeNs : stats.ctimeNs;
  const grain = stats.ctimeNs % 1_000_000_000n === 0n ? coarseGrainNs : clockGrainNs;
  return newest > startNs - grain;
}

function readContent(entry: Listed, host: string, stats: BigIntStats): ReadContent {
  const { type } = entry;
  const content: ReadContent = {};
  if (type === 'file') content.digest = hashFile(host, entry);
  if (type === 'symlink') content.link = decodeName(readlinkSync(fsPath(host), { encoding: 'buffer' }));
  if (type === 'char' || type === 'block') content.device = splitDevice(stats.rdev);
  const xattrs = treeXattrs(host);
  if (xattrs)
    content.xattrs = Object.fromEntries([...xattrs].map(([name, value]) => [name, value.toString('base64')]));
  return content;
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
