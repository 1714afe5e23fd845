/**
 * Cache mounts: folders below volumes/caches of the store that outlive every step. A lock on each, over all processes,
 * keeps those apart that ask for it.
 */
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { copyNode } from '../../kit/copy-node.ts';
import { canonicalJson, hexOf, sha256 } from '../../kit/digest.ts';
import { setTimes } from '../../kit/system.ts';
import { listFolder, lstat, lstatIfAny } from '../../kit/walk.ts';
import type { CacheMount, SnapshotId } from '../../plan/index.ts';
import { newId, withLock } from '../../store/runs.ts';
import type { Store } from '../../store/store.ts';

/** Locks that a private cache found taken. */
class Taken extends Error {}

export interface CachePlace {
  store: Store;
  /** Folder of the run: half-made caches go with it. */
  runDir: string;
  signal: AbortSignal;
}

/**
 * Calls `body` with the host folder of a cache. `from` names and shows what it starts from: another origin is another
 * cache, as is another owner or mode.
 */
export async function withCache<T>(
  place: CachePlace,
  mount: CacheMount,
  from: { snapshot: SnapshotId; open: () => string } | undefined,
  body: (host: string) => Promise<T>,
): Promise<T> {
  const { id, owner, mode } = mount;
  const origin = from ? [from.snapshot, mount.from?.path] : null;
  const name = `cache-${hexOf(sha256(canonicalJson([id, owner, mode, origin]))).slice(0, 32)}`;
  const open = (own: string) => body(makeCache(place, own, mount, from?.open));
  const { store, signal } = place;
  if (mount.sharing === 'locked')
    return withLock(store, name, { onWait: () => {}, signal }, () => open(name));
  if (mount.sharing === 'shared') return open(name);
  for (let number = 1; ; number++) {
    const own = number === 1 ? name : `${name}-${number}`;
    const onWait = () => {
      throw new Taken();
    };
    try {
      return await withLock(store, own, { onWait, signal }, () => open(own));
    } catch (error) {
      if (!(error instanceof Taken)) throw error;
    }
  }
}

/** Makes the cache when it isn't there: whole or not at all. */
function makeCache(
  { store, runDir }: CachePlace,
  name: string,
  { owner, mode }: CacheMount,
  openOrigin: (() => string) | undefined,
): string {
  const folder = join(store.dir, 'volumes', 'caches');
  const host = join(folder, name);
  if (lstatIfAny(host) !== undefined) return host;
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const half = join(runDir, `new-${newId()}`);
  if (openOrigin !== undefined) copyTree(openOrigin(), half);
  else {
    mkdirSync(half);
    chownSync(half, owner.uid, owner.gid);
    chmodSync(half, mode);
  }
  try {
    renameSync(half, host);
  } catch (error) {
    // Another process was faster.
    if (lstatIfAny(host) === undefined) throw error;
    rmSync(half, { recursive: true, force: true });
  }
  return host;
}

/** Copies a tree with all its metadata. */
export function copyTree(from: string, to: string): void {
  copyNode(from, to);
  if (!lstat(from).isDirectory()) return;
  for (const name of listFolder(from)) copyTree(`${from}/${name}`, `${to}/${name}`);
  setTimes(to, lstat(from).mtimeNs);
}
