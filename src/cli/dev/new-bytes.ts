/** How much a warm rebuild added to the image that was there. */
import { join } from 'node:path';
import { findImage } from '../../images/index.ts';
import { folderBytes } from '../../kit/disk-use.ts';
import { lineageOf } from '../../store/snapshots.ts';
import type { Store } from '../../store/store.ts';

/**
 * Bytes on disk of the layers that only the newer image has. Undefined where it doesn't stand on the older one's layers, and
 * where snapshots are no folders of their own.
 */
export function newLayerBytes(store: Store, before: string, after: string): number | undefined {
  const [old, now] = [before, after].map((id) => findImage(store.db, id)?.snapshot);
  if (old === undefined || now === undefined) return undefined;
  const known = new Set(lineageOf(store.db, old).flatMap(({ folders }) => folders));
  const fresh = lineageOf(store.db, now).filter(({ id }) => id !== old);
  const own = fresh.filter(({ folders }) => folders.some((folder) => !known.has(folder)));
  if (own.some(({ kind }) => kind !== 'delta')) return undefined;
  const folders = new Set(own.flatMap(({ folders: all }) => all.filter((folder) => !known.has(folder))));
  return [...folders].reduce((sum, folder) => sum + folderBytes(join(store.dir, 'snapshots', folder)), 0);
}
