/**
 * What decides the result of a stage on the host's own programs: the host's release, its package database and
 * all of /etc that the builder root shows. Goes into keys.
 */
import { createHash } from 'node:crypto';
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { canonicalJson, sha256 } from '../../kit/digest.ts';
import { decodeName, encodeName, fsPath, isEscaped } from '../../kit/names.ts';

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

export interface EtcEntry {
  /** Inside /etc. */
  path: string;
  stats: BigIntStats;
}

/**
 * The entries of /etc that a builder root shows, and the paths that it has to hide: files and folders that
 * not everybody may read, volatile ones, sockets and devices. A folder that is hidden isn't entered. A listing of
 * a moment ago serves too, unless it has to be fresh.
 */
export function listEtc(isFresh = false): EtcListing {
  if (isFresh || recent === undefined || uptimeMs() - recent.atMs > recentMs) {
    recent = { atMs: uptimeMs(), listing: walkEtc() };
  }
  return recent.listing;
}

interface EtcListing {
  shown: EtcEntry[];
  hidden: string[];
}

/** The steps of a build follow each other closely, and a walk takes 10 ms. */
const recentMs = 1000;
/** Node loads ten of its own modules for `performance`. */
const uptimeMs = () => process.uptime() * 1000;
let recent: { atMs: number; listing: EtcListing } | undefined;

function walkEtc(): EtcListing {
  const shown: EtcEntry[] = [];
  const hidden: string[] = [];
  const walk = (folder: string) => {
    for (const name of namesIn(`/etc${folder && `/${folder}`}`)) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const stats = lstatSync(fsPath(`/etc/${path}`), { bigint: true, throwIfNoEntry: false });
      if (stats === undefined) continue;
      const isFolder = stats.isDirectory();
      if (isHidden(path, stats)) hidden.push(path);
      else shown.push({ path, stats });
      if (isFolder && hidden.at(-1) !== path) walk(path);
    }
  };
  walk('');
  return { shown, hidden };
}

/** Names in a folder, sorted. Decoded by Node where that loses nothing: much faster. */
function namesIn(folder: string): string[] {
  const names = readdirSync(fsPath(folder));
  const isLossless = !names.some((name) => name.includes('\ufffd'));
  return (isLossless ? names : readdirSync(fsPath(folder), { encoding: 'buffer' }).map(decodeName)).sort();
}

function isHidden(path: string, stats: BigIntStats): boolean {
  // These get mounted over: they may be links, which the mounts follow.
  if (path === 'hostname' || path === 'hosts' || path === 'resolv.conf') return false;
  if (left.has(path)) return true;
  if (stats.isSymbolicLink()) return false;
  if (path === 'mtab') return true;
  const needed = stats.isDirectory() ? 0o5n : stats.isFile() ? 0o4n : undefined;
  return needed === undefined || (stats.mode & needed) !== needed;
}

/**
 * Digests by name. Files are read only when their metadata isn't known to `cache`; metadata that changed within the
 * last two seconds isn't trusted, since the clock of file times is coarse.
 */
export function hostIdentity(cache: IdentityCache): Record<string, string> {
  const identity: Record<string, string> = { etc: etcDigest(cache) };
  const release = ['/etc/os-release', '/usr/lib/os-release']
    .map(contentOf)
    .find((text) => text !== undefined);
  if (release !== undefined) identity['release'] = sha256(release);
  for (const path of packageDatabases) {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) continue;
    const digest = remembered(cache, path, [stats], () => {
      return sha256(stats.isDirectory() ? readdirSync(path).sort().join('\n') : readFileSync(path));
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
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

const grainNs = 2_000_000_000n;

function remembered(
  cache: IdentityCache,
  name: string,
  stats: readonly BigIntStats[],
  compute: () => string,
): string {
  let newest = 0n;
  const numbers = new BigInt64Array(
    stats.flatMap((each) => {
      if (each.ctimeNs > newest) newest = each.ctimeNs;
      return [each.dev, each.ino, each.size, each.mode, each.uid, each.gid, each.mtimeNs, each.ctimeNs];
    }),
  );
  const fingerprint = createHash('sha256').update(name).update(numbers).digest('hex');
  const isSettled = BigInt(Date.now()) * 1_000_000n - newest > grainNs;
  const known = isSettled ? cache.get(fingerprint) : undefined;
  if (known !== undefined) return known;
  const digest = compute();
  if (isSettled) cache.set(fingerprint, digest);
  return digest;
}

function etcDigest(cache: IdentityCache): string {
  const shown = listEtc(true).shown.filter(({ path }) => !left.has(path));
  const names = shown.map(({ path }) => path).join('\0');
  return remembered(
    cache,
    `/etc ${isEscaped(names) ? encodeName(names).toString('hex') : names}`,
    shown.map(({ stats }) => stats),
    () => {
      const hash = createHash('sha256');
      for (const entry of shown) hash.update(`${canonicalJson(describe(entry))}\n`);
      return `sha256:${hash.digest('hex')}`;
    },
  );
}

/** All that a stage can see of one entry, times left out: they change without any effect. */
function describe({ path, stats }: EtcEntry): Record<string, unknown> {
  const at = fsPath(`/etc/${path}`);
  return {
    path,
    mode: Number(stats.mode),
    owner: `${stats.uid}:${stats.gid}`,
    link: stats.isSymbolicLink() ? decodeName(readlinkSync(at, { encoding: 'buffer' })) : undefined,
    content: stats.isFile() ? sha256(readFileSync(at)) : undefined,
  };
}
