/**
 * Cache mounts: their data are volumes of kind `cache`, opened for as long as a step runs as its `sharing` says; and the
 * volumes that a stage names. A step's are opened in one order for all steps, so that two never wait for each other.
 */
import { chmodSync, chownSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { copyMetadata } from '../../kit/copy-node.ts';
import { copyTree } from '../../kit/copy-tree.ts';
import { canonicalJson, hexOf, sha256 } from '../../kit/digest.ts';
import { UserError, wrongUse } from '../../kit/errors.ts';
import { removeTree } from '../../kit/tar/safe-root.ts';
import { lstat, lstatIfAny, readEntry } from '../../kit/walk.ts';
import type { CacheMount, Mount, SnapshotId, VolumeMount } from '../../plan/index.ts';
import type { Store } from '../../store/store.ts';
import { forkVolume, type OpenRequest, useVolume } from '../../volumes/index.ts';
import type { StepTask } from '../worker.ts';
import { inTree } from './in-tree.ts';
import type { RunPlace } from './run-place.ts';

export interface OpenCaches extends Disposable {
  /** Host folder of each mount of a cache or volume. */
  hosts: ReadonlyMap<Mount, string>;
  /** The step has succeeded: what it changed in forks becomes their caches' state. */
  keep(): Promise<void>;
}

type Task = Pick<StepTask, 'snapshotOf' | 'signal' | 'onWait'> & {
  /** What is changed in a cache counts only when it is kept, however the cache is shared. */
  forksCaches?: boolean;
};

type Opened = CacheMount | VolumeMount;

interface OpenCache extends Disposable {
  host: string;
  keep?(): Promise<void>;
}

/** Opens all caches of a step; dispose of them when it has ended. */
export async function openCaches(place: RunPlace, mounts: readonly Mount[], task: Task): Promise<OpenCaches> {
  const groups = groupByVolume(mounts, task);
  const hosts = new Map<Mount, string>();
  const opened: OpenCache[] = [];
  const close = () => {
    for (const cache of opened) cache[Symbol.dispose]();
  };
  try {
    for (const [name, group] of groups) {
      const cache = await openCache(place, name, group, task);
      opened.push(cache);
      for (const mount of group) hosts.set(mount, cache.host);
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    hosts,
    async keep() {
      for (const cache of opened) await cache.keep?.();
    },
    [Symbol.dispose]: close,
  };
}

/** One volume may be mounted at several places of a step: it is opened once. Sorted by name. */
function groupByVolume(mounts: readonly Mount[], task: Task): [string, Opened[]][] {
  const groups = new Map<string, Opened[]>();
  for (const mount of mounts) {
    if (mount.type !== 'cache' && mount.type !== 'volume') continue;
    const name =
      mount.type === 'volume'
        ? mount.name
        : cacheVolume(mount, mount.from && task.snapshotOf(mount.from.step));
    groups.set(name, [...(groups.get(name) ?? []), mount]);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** What decides which cache it is: another origin is another cache, as is another owner or mode. */
function identityOf({ id, owner, mode, from }: CacheMount, origin: SnapshotId | undefined): string {
  const start = origin === undefined ? null : [origin, from?.path];
  return hexOf(sha256(canonicalJson([id, owner, mode, start])));
}

const longestId = 60;

/** The volume of a cache mount: `cache-ID`, with a digest after it where the id alone doesn't say all. */
function cacheVolume(mount: CacheMount, origin: SnapshotId | undefined): string {
  const { id, owner, mode } = mount;
  const readable = id
    .replaceAll(/[^a-zA-Z0-9_.-]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, longestId);
  const isPlain =
    readable === id && owner.uid === 0 && owner.gid === 0 && mode === 0o755 && origin === undefined;
  return `cache-${readable}${isPlain ? '' : `-${identityOf(mount, origin).slice(0, 8)}`}`;
}

/** In place of several mounts of one volume, the strictest of their words holds. */
const strictness: readonly CacheMount['sharing'][] = ['private', 'locked', 'fork', 'shared'];

async function openCache(
  place: RunPlace,
  name: string,
  group: readonly Opened[],
  task: Task,
): Promise<OpenCache> {
  const { store, runId, runDir } = place;
  const run = { id: runId, dir: runDir };
  const caches = group.filter((mount) => mount.type === 'cache');
  const [mount] = caches;
  if (mount === undefined) {
    const mode = group.some((one) => !one.readOnly) ? 'write' : 'read';
    const onWait = (users: string) => task.onWait?.(`the volume ${name} is in use by ${users}`);
    return useVolume(store, run, name, { mode, create: true, signal: task.signal, onWait });
  }
  const sharing = strictness.find((word) => caches.some((one) => one.sharing === word)) ?? 'shared';
  const request = requestFor(place, mount, task, '');
  const { forksCaches = false } = task;
  if (sharing === 'fork' || (sharing === 'shared' && forksCaches))
    return forkVolume(store, run, name, request);
  if (sharing === 'shared') return useVolume(store, run, name, request);
  const openAlone = (own: string, how: OpenRequest): Promise<OpenCache> =>
    forksCaches
      ? forkVolume(store, run, own, { ...how, alone: true })
      : useVolume(store, run, own, { ...how, mode: 'alone' });
  if (sharing === 'locked') return openAlone(name, request);
  for (let number = 1; ; number++) {
    const suffix = number === 1 ? '' : `-${number}`;
    try {
      const own = requestFor(place, mount, task, suffix);
      return await openAlone(`${name}${suffix}`, { ...own, refuse: true });
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== 'volume-in-use') throw error;
    }
  }
}

function requestFor(place: RunPlace, mount: CacheMount, task: Task, suffix: string): OpenRequest {
  const { id, owner, mode, from } = mount;
  const origin = from && task.snapshotOf(from.step);
  const legacy = `cache-${identityOf(mount, origin).slice(0, 32)}${suffix}`;
  const fill = async (root: string): Promise<void> => {
    if (takeOver(place.store, legacy, root)) return;
    if (from !== undefined && origin !== undefined) return copyOrigin(place, origin, from.path, root, task);
    chownSync(root, owner.uid, owner.gid);
    chmodSync(root, mode);
  };
  const onWait = (users: string) => task.onWait?.(`the cache ${id} is in use by ${users}`);
  return { signal: task.signal, onWait, create: { kind: 'cache', origin: `cache mount ${id}`, fill } };
}

/** Caches lay in volumes/caches/, named by digest, before there were volumes. */
function takeOver(store: Store, legacy: string, root: string): boolean {
  const old = join(store.dir, 'volumes', 'caches', legacy);
  if (lstatIfAny(old) === undefined) return false;
  removeTree(root);
  renameSync(old, root);
  return true;
}

async function copyOrigin(
  { snapshots }: RunPlace,
  snapshot: SnapshotId,
  path: string,
  root: string,
  { signal }: Task,
): Promise<void> {
  const origin = inTree(snapshots.mountView(snapshot), path, 'what a cache starts from');
  if (!lstat(origin).isDirectory())
    throw wrongUse('not-a-folder', `${path}, what a cache starts from, is not a folder.`);
  await copyTree(origin, root, { signal });
  copyMetadata(readEntry(origin, ''), root);
}
