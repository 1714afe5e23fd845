/** Clones of volumes, snapshots of them, and going back to one: each takes effect by one rename. */
import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoOf, UserError, wrongUse } from '../kit/errors.ts';
import { exchange } from '../kit/system.ts';
import { lstatIfAny } from '../kit/walk.ts';
import { newId, type RunHandle } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import { createVolume } from './create.ts';
import { isLayered } from './layers.ts';
import { limitLike } from './limits.ts';
import { checkName, dataDir, shownPlace, snapshotDir, type VolumePlace, volumeDir } from './names.ts';
import { requireVolume } from './rows.ts';
import { type ReadOptions, requireSnapshot, withSnapshots, withStill } from './still.ts';
import { dropTree, forkTree, makeTree } from './trees.ts';
import { type UsedVolume, useVolume } from './use.ts';

/** Makes the volume `name` of what another one, or a snapshot of it, holds. */
export async function cloneVolume(
  store: Store,
  run: RunHandle,
  from: Omit<VolumePlace, 'path'>,
  name: string,
  { limitBytes, ...options }: ReadOptions & { limitBytes?: number } = {},
): Promise<void> {
  const place = { ...from, path: '/' };
  const limit = limitBytes === undefined ? {} : { limitBytes };
  const origin = `volume ${shownPlace(place)}`;
  requireVolume(store, from.name);
  await withStill(
    store,
    run,
    place,
    (host) =>
      createVolume(store, run, {
        name,
        origin,
        ...limit,
        make: (root) => forkTree(host, root, options.signal),
      }),
    options,
  );
}

/** Keeps what a volume holds now under a name, to go back to. */
export async function snapshotVolume(
  store: Store,
  run: RunHandle,
  name: string,
  snapshot: string,
  options: ReadOptions = {},
): Promise<void> {
  checkName(snapshot, 'snapshot');
  requireVolume(store, name);
  const dir = snapshotDir(store, name, snapshot);
  if (lstatIfAny(dir) !== undefined) throw exists(name, snapshot);
  await withStill(store, run, { name, path: '/' }, (host) =>
    withHalf(run, async (half) => {
      await forkTree(host, join(half, 'fs'), options.signal);
      mkdirSync(dirname(dir), { recursive: true, mode: 0o711 });
      try {
        renameSync(half, dir);
      } catch (error) {
        if (errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'EEXIST') throw exists(name, snapshot);
        throw error;
      }
    }),
  );
}

function exists(name: string, snapshot: string) {
  return wrongUse('snapshot-exists', `The volume ${name} has a snapshot \`${snapshot}\` already.`, {
    hint: `Choose another name, or remove it with \`cambium volume rm ${name}@${snapshot}\`.`,
  });
}

/** Makes a volume hold what it held when the snapshot was made; what it holds now is gone. Refused while it is in use. */
export async function restoreVolume(
  store: Store,
  run: RunHandle,
  name: string,
  snapshot: string,
  options: ReadOptions = {},
): Promise<void> {
  requireVolume(store, name);
  requireSnapshot(store, name, snapshot);
  const restore = (root: string) =>
    withSnapshots(store, name, () => forkTree(requireSnapshot(store, name, snapshot), root, options.signal));
  await replaceData(store, run, name, restore);
}

/** Replaces a volume's data by the tree that `make` makes, at once. Refused while it is in use. */
export async function replaceData(
  store: Store,
  run: RunHandle,
  name: string,
  make: (root: string, current: string) => Promise<void>,
): Promise<void> {
  using volume = await useVolume(store, run, name, { mode: 'alone', refuse: true });
  await replaceOpen(store, run, volume, make);
}

/** Fills a volume that is empty and in nobody's use, at once. Any other stays as it is. */
export async function fillIfEmpty(
  store: Store,
  run: RunHandle,
  name: string,
  fill: (root: string) => Promise<void>,
): Promise<void> {
  const mayBeEmpty = isLayered(volumeDir(store, name)) || isEmpty(dataDir(store, name));
  if (!mayBeEmpty) return;
  try {
    using volume = await useVolume(store, run, name, { mode: 'alone', refuse: true });
    if (!isEmpty(volume.host)) return;
    await replaceOpen(store, run, volume, async (root) => {
      makeTree(root);
      await fill(root);
    });
  } catch (error) {
    // Whoever has it may be filling it, or wants it empty.
    if (!(error instanceof UserError) || error.code !== 'volume-in-use') throw error;
  }
}

function isEmpty(folder: string): boolean {
  return readdirSync(folder).length === 0;
}

async function replaceOpen(
  store: Store,
  run: RunHandle,
  { name, host }: UsedVolume,
  make: (root: string, current: string) => Promise<void>,
): Promise<void> {
  await withHalf(run, async (half) => {
    const root = join(half, 'fs');
    await make(root, host);
    limitLike(store, name, root);
    exchange(root, host);
  });
}

/** Removes a snapshot of a volume. `ifAny`: false where there is none, instead of an error. */
export async function removeSnapshot(
  store: Store,
  run: RunHandle,
  name: string,
  snapshot: string,
  { ifAny = false }: { ifAny?: boolean } = {},
): Promise<boolean> {
  if (ifAny && lstatIfAny(snapshotDir(store, name, snapshot)) === undefined) return false;
  requireVolume(store, name);
  await withSnapshots(store, name, () =>
    withHalf(run, async (half) => renameSync(dirname(requireSnapshot(store, name, snapshot)), half)),
  );
  return true;
}

/** Calls `body` with a folder of the run, and removes afterwards what it holds then. */
async function withHalf(run: RunHandle, body: (half: string) => Promise<void>): Promise<void> {
  const half = join(run.dir, newId());
  mkdirSync(half, { mode: 0o711 });
  try {
    await body(half);
  } finally {
    dropTree(join(half, 'fs'));
    dropTree(half);
  }
}
