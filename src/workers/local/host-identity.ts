/**
 * What decides the result of a stage on the host's own programs: the host's release, its package database and
 * all of /etc that the builder root shows. Goes into keys.
 */
import { createHash } from 'node:crypto';
import { constants, lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
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

/** Paths inside /etc. */
interface EtcListing {
  shown: string[];
  hidden: string[];
  /** Of what is shown. */
  metadata: Metadata;
}

/** Numbers of each entry, one entry after the other: to keep Node's own objects for each costs a third of the walk. */
interface Metadata {
  numbers: number[];
  newestMs: number;
}

/** Times as plain numbers are exact to a quarter of a microsecond, and made in half the time of big integers. */
function addTo(metadata: Metadata, { dev, ino, size, mode, uid, gid, mtimeMs, ctimeMs }: Stats): void {
  metadata.numbers.push(dev, ino, size, mode, uid, gid, mtimeMs, ctimeMs);
  if (ctimeMs > metadata.newestMs) metadata.newestMs = ctimeMs;
}

/** The steps of a build follow each other closely, and a walk takes 10 ms. */
const recentMs = 1000;
/** Node loads ten of its own modules for `performance`. */
const uptimeMs = () => process.uptime() * 1000;
let recent: { atMs: number; listing: EtcListing } | undefined;

function walkEtc(): EtcListing {
  const shown: string[] = [];
  const hidden: string[] = [];
  const metadata: Metadata = { numbers: [], newestMs: 0 };
  const walk = (folder: string) => {
    for (const name of namesIn(`/etc${folder && `/${folder}`}`)) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const stats = lstatSync(fsPath(`/etc/${path}`), { throwIfNoEntry: false });
      if (stats === undefined) continue;
      if (isHidden(path, stats.mode)) {
        hidden.push(path);
        continue;
      }
      shown.push(path);
      if (!left.has(path)) addTo(metadata, stats);
      if ((stats.mode & S_IFMT) === S_IFDIR) walk(path);
    }
  };
  walk('');
  return { shown, hidden, metadata };
}

/** Names in a folder, sorted. Decoded by Node where that loses nothing: much faster. */
function namesIn(folder: string): string[] {
  const names = readdirSync(fsPath(folder));
  const isLossless = !names.some((name) => name.includes('\ufffd'));
  return (isLossless ? names : readdirSync(fsPath(folder), { encoding: 'buffer' }).map(decodeName)).sort();
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
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) continue;
    const metadata: Metadata = { numbers: [], newestMs: 0 };
    addTo(metadata, stats);
    const digest = remembered(cache, path, metadata, () => {
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

const grainMs = 2000;

function remembered(
  cache: IdentityCache,
  name: string,
  { numbers, newestMs }: Metadata,
  compute: () => string,
): string {
  const fingerprint = createHash('sha256').update(name).update(new Float64Array(numbers)).digest('hex');
  const isSettled = Date.now() - newestMs > grainMs;
  const known = isSettled ? cache.get(fingerprint) : undefined;
  if (known !== undefined) return known;
  const digest = compute();
  if (isSettled) cache.set(fingerprint, digest);
  return digest;
}

function etcDigest(cache: IdentityCache): string {
  const { shown, metadata } = listEtc(true);
  const paths = shown.filter((path) => !left.has(path));
  const names = paths.join('\0');
  return remembered(
    cache,
    `/etc ${isEscaped(names) ? encodeName(names).toString('hex') : names}`,
    metadata,
    () => {
      const hash = createHash('sha256');
      for (const path of paths) hash.update(`${canonicalJson(describe(path))}\n`);
      return `sha256:${hash.digest('hex')}`;
    },
  );
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
