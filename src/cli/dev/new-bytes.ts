/** How much a warm rebuild added to the image that was there. */
import { join } from 'node:path';
import { findImage } from '../../images/index.ts';
import { isBtrfs } from '../../kit/btrfs.ts';
import { folderBytes } from '../../kit/disk-use.ts';
import type { SnapshotId } from '../../plan/index.ts';
import { lineageOf } from '../../store/snapshots.ts';
import type { Store } from '../../store/store.ts';

/** What an image consisted of; kept, for a rebuild removes the image that it replaces. */
export interface KnownLayers {
  snapshot: SnapshotId;
  folders: ReadonlySet<string>;
}

/** Undefined where there is no such image, and where snapshots are no folders of their own. */
export function layersOf(store: Store, image: string | undefined): KnownLayers | undefined {
  const snapshot = image === undefined ? undefined : findImage(store.db, image)?.snapshot;
  if (snapshot === undefined || isBtrfs(join(store.dir, 'snapshots'))) return undefined;
  return { snapshot, folders: new Set(lineageOf(store.db, snapshot).flatMap(({ folders }) => folders)) };
}

/** Bytes on disk of the layers that only the newer image has. Undefined where it doesn't stand on the older one's. */
export function newLayerBytes(
  store: Store,
  before: KnownLayers | undefined,
  after: string,
): number | undefined {
  const now = findImage(store.db, after)?.snapshot;
  if (before === undefined || now === undefined) return undefined;
  const fresh = lineageOf(store.db, now).filter(({ id }) => id !== before.snapshot);
  const own = fresh.filter(({ folders }) => folders.some((folder) => !before.folders.has(folder)));
  if (own.some(({ kind }) => kind !== 'delta')) return undefined;
  const folders = new Set(own.flatMap(({ folders: all }) => all.filter((one) => !before.folders.has(one))));
  return [...folders].reduce((sum, folder) => sum + folderBytes(join(store.dir, 'snapshots', folder)), 0);
}
