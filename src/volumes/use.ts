/** The folder of a volume for the life of a run: in place, or a fork of it that replaces it when it is kept. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { copyMetadata } from '../kit/copy-node.ts';
import { UserError } from '../kit/errors.ts';
import { exchange, mountOverlay, unmount } from '../kit/system.ts';
import { removeTree } from '../kit/tar/safe-root.ts';
import { readEntry } from '../kit/walk.ts';
import { newId, type RunHandle, withLock } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import { ensureVolume, type NewVolume } from './create.ts';
import { foldersOf, foldLayers, isLayered, putOnTop } from './layers.ts';
import { limitLike } from './limits.ts';
import { checkName, dataDir, volumeDir } from './names.ts';
import { copiesAtOnce, dropTree, forkTree } from './trees.ts';
import { beginUse, liveUses, type Use, type UseMode, type WaitOptions } from './uses.ts';

export interface OpenRequest extends WaitOptions {
  /** Make it when it isn't there; what is told of it then, and what fills it. */
  create?: boolean | (Omit<NewVolume, 'name'> & { fill?: (root: string) => Promise<void> | void });
  /** Throw `volume-in-use` instead of waiting. */
  refuse?: boolean;
}

export interface UseRequest extends OpenRequest {
  /** Default `write`: in place, beside others. */
  mode?: Exclude<UseMode, 'fork'>;
}

export interface UsedVolume extends Disposable {
  name: string;
  /** Host path of the data's folder. */
  host: string;
  /** Whether this call made it. */
  isNew: boolean;
}

/**
 * Opens a volume until it is disposed of, or this process ends: nobody removes or restores it meanwhile. Waits while
 * somebody works on it alone, or on a fork. Throws `unknown-volume`.
 */
export async function useVolume(
  store: Store,
  run: RunHandle,
  name: string,
  request: UseRequest = {},
): Promise<UsedVolume> {
  const { use, isNew } = await open(store, run, name, request.mode ?? 'write', request);
  try {
    const dir = volumeDir(store, name);
    // Forks keep out as long as this use lasts.
    if (isLayered(dir)) await locked(store, name, () => foldLayers(dir), request.signal);
  } catch (error) {
    use[Symbol.dispose]();
    throw error;
  }
  return { name, host: dataDir(store, name), isNew, [Symbol.dispose]: () => use[Symbol.dispose]() };
}

export interface ForkRequest extends OpenRequest {
  /** Nobody else uses the volume meanwhile: what is kept replaces nothing of theirs. */
  alone?: boolean;
}

export interface Fork extends Disposable {
  host: string;
  /** Makes the fork the volume's data, at once; forks that are kept later replace it. Ends the fork. */
  keep(): Promise<void>;
}

/**
 * Opens a copy-on-write fork of a volume's data; disposing of it throws away what was not kept. O(1): a snapshot on btrfs,
 * an overlay in this process's mount namespace elsewhere. Waits while others work on the volume in place.
 */
export async function forkVolume(
  store: Store,
  run: RunHandle,
  name: string,
  request: ForkRequest = {},
): Promise<Fork> {
  const { use } = await open(store, run, name, request.alone ? 'alone' : 'fork', request);
  const dir = join(run.dir, newId());
  mkdirSync(dir, { mode: 0o700 });
  try {
    const data = dataDir(store, name);
    const make = () =>
      copiesAtOnce(data) ? forkSubvolume(store, name, dir) : forkOverlay(store, name, dir, use);
    const fork = await locked(store, name, make, request.signal);
    return {
      host: fork.host,
      async keep() {
        fork.release();
        await locked(store, name, fork.replace);
      },
      [Symbol.dispose]() {
        fork.release();
        dropTree(join(dir, 'fs'));
        removeTree(dir);
        use[Symbol.dispose]();
      },
    };
  } catch (error) {
    use[Symbol.dispose]();
    throw error;
  }
}

interface MadeFork {
  host: string;
  /** Ends its mount. */
  release(): void;
  /** Makes what was released the volume's data. */
  replace(): void;
}

async function forkSubvolume(store: Store, name: string, dir: string): Promise<MadeFork> {
  const [data, host] = [dataDir(store, name), join(dir, 'fs')];
  await forkTree(data, host);
  limitLike(store, name, host);
  return { host, release: () => {}, replace: () => exchange(host, data) };
}

function forkOverlay(store: Store, name: string, dir: string, use: Use): MadeFork {
  const volume = volumeDir(store, name);
  const foldIfAlone = () => {
    if (isLayered(volume) && liveUses(store, name).every(({ id }) => id === use.id)) foldLayers(volume);
  };
  foldIfAlone();
  const below = foldersOf(volume);
  const lowers = below.map((folder) => join(volume, folder));
  const [upper, work, host] = [join(dir, 'fs'), join(dir, 'work'), join(dir, 'root')];
  for (const folder of [upper, work, host]) mkdirSync(folder);
  copyMetadata(readEntry(lowers[0] as string, ''), upper);
  mountOverlay({ lowers, upper: { dir: upper, work }, at: host });
  return {
    host,
    release: () => unmount(host),
    replace() {
      putOnTop(volume, upper, below, newId());
      foldIfAlone();
    },
  };
}

/** Marks the volume as used, and makes it before if that is asked for. */
async function open(
  store: Store,
  run: RunHandle,
  name: string,
  mode: UseMode,
  { create = false, refuse = false, ...wait }: OpenRequest,
): Promise<{ use: Use; isNew: boolean }> {
  checkName(name);
  const { fill, ...facts } = typeof create === 'object' ? create : {};
  for (;;) {
    const isNew = create !== false && (await ensureVolume(store, run, { name, ...facts }, fill));
    try {
      return { use: await beginUse(store, run, name, mode, refuse ? undefined : wait), isNew };
    } catch (error) {
      // Somebody may have removed it just now.
      if (create === false || !(error instanceof UserError) || error.code !== 'unknown-volume') throw error;
    }
  }
}

/** Keeps apart those that look at a volume's layers from those that change them; only for moments. */
function locked<T>(store: Store, name: string, body: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
  const options = { onWait: () => {}, ...(signal && { signal }) };
  return withLock(store, `volume-${name}`, options, async () => body());
}
