/** A tree of a volume that nobody writes while it is read: so that a copy is of one moment, and no link moves under it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { wrongUse } from '../kit/errors.ts';
import { findInRoot } from '../kit/in-root.ts';
import { lstatIfAny } from '../kit/walk.ts';
import { newId, type RunHandle, withLock } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import { dataDir, shownPlace, snapshotDir, type VolumePlace } from './names.ts';
import { copiesAtOnce, dropTree, forkTree } from './trees.ts';
import { useVolume } from './use.ts';

export interface ReadOptions {
  signal?: AbortSignal | undefined;
}

/**
 * Calls `body` with the host path of a place in a volume or in a snapshot of one. On btrfs that is a snapshot of this
 * moment; elsewhere it throws `volume-in-use` while somebody has the volume to write to.
 */
export async function withStill<T>(
  store: Store,
  run: RunHandle,
  place: VolumePlace,
  body: (host: string) => Promise<T>,
  { signal }: ReadOptions = {},
): Promise<T> {
  const { name, snapshot } = place;
  const isAtOnce = snapshot !== undefined || copiesAtOnce(dataDir(store, name));
  using volume = await useVolume(store, run, name, { mode: isAtOnce ? 'read' : 'still', refuse: true });
  if (snapshot !== undefined) {
    return withSnapshots(
      store,
      name,
      () => body(findPlace(requireSnapshot(store, name, snapshot), place)),
      signal,
    );
  }
  if (!isAtOnce) return body(findPlace(volume.host, place));
  const dir = join(run.dir, newId());
  const fork = join(dir, 'fs');
  mkdirSync(dir, { mode: 0o700 });
  try {
    await forkTree(volume.host, fork);
    return await body(findPlace(fork, place));
  } finally {
    dropTree(fork);
    dropTree(dir);
  }
}

/** Host path of a place in the tree at `root`. */
function findPlace(root: string, place: VolumePlace): string {
  const found = findInRoot(root, place.path);
  if (found !== undefined) return found;
  const volume = shownPlace({ ...place, path: '/' });
  throw wrongUse('missing-file', `There is no ${place.path} in the volume ${volume}.`);
}

/** Data of a snapshot. */
export function requireSnapshot(store: Store, name: string, snapshot: string): string {
  const dir = snapshotDir(store, name, snapshot);
  if (lstatIfAny(dir) !== undefined) return join(dir, 'fs');
  throw wrongUse('unknown-snapshot', `The volume ${name} has no snapshot \`${snapshot}\`.`, {
    hint: `See \`cambium volume inspect ${name}\`.`,
  });
}

/** Keeps apart those that read a volume's snapshots from those that remove one. */
export function withSnapshots<T>(
  store: Store,
  name: string,
  body: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  return withLock(store, `snapshots-${name}`, { onWait: () => {}, ...(signal && { signal }) }, body);
}
