/**
 * Removes from a store what nothing needs. Rows go first, in one transaction that sees the leases of running builds;
 * then the files: a process killed in between leaves folders that no row names, which `doctor --repair` removes.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, hexOf } from '../../../kit/digest.ts';
import type { SnapshotId } from '../../../plan/index.ts';
import { transaction } from '../../../store/database.ts';
import { namedFolders } from '../../../store/folds.ts';
import { removeRubbish } from '../../../store/rubbish.ts';
import { liveRuns } from '../../../store/runs.ts';
import type { Store } from '../../../store/store.ts';
import { dropUnneededManifests } from '../../../store/unneeded-manifests.ts';
import { oldDownloads, removeDownloads } from '../remote/downloads.ts';
import { driverFor } from '../snapshots/registry.ts';
import { type PrunePolicy, selectForPrune } from './select.ts';
import { type CacheRow, listSnapshots } from './usage.ts';

export interface PruneRequest extends PrunePolicy {
  /** Take too what the last build of a build file used; tags and running builds are always spared. */
  all: boolean;
  /** Only tell. */
  dryRun: boolean;
}

export interface PruneResult {
  snapshots: readonly CacheRow[];
  /** Untagged images whose snapshot went. */
  images: number;
  blobs: number;
  failedSteps: number;
  bytes: number;
}

/** A blob younger than this may be one that an output is about to use. */
const blobGraceMs = 60 * 60 * 1000;

export function prune(store: Store, request: PruneRequest): PruneResult {
  // Sizes are measured before the database is locked.
  const rows = listSnapshots(store);
  const { selected, images, kept, blobs } = transaction(store.db, () => dropRows(store, rows, request));
  const downloads = oldDownloads(store, downloadsBefore(request));
  const bytes = [
    ...selected.map((row) => row.bytes),
    ...blobs.map((blob) => blob.size),
    ...downloads.map((file) => file.bytes),
  ].reduce((sum, size) => sum + size, 0);
  if (!request.dryRun) {
    removeFiles(store, selected, kept, blobs);
    removeRubbish(store);
    removeDownloads(downloads);
  }
  return { snapshots: selected, images, blobs: blobs.length, failedSteps: kept.length, bytes };
}

/** Downloads can be fetched again; they go by age alone, not by the size of the cache. */
function downloadsBefore({ notUsedSinceMs, keepBytes }: PruneRequest): number {
  if (keepBytes !== undefined && notUsedSinceMs === undefined) return 0;
  return Math.min(notUsedSinceMs ?? Number.MAX_SAFE_INTEGER, Date.now() - blobGraceMs);
}

interface Dropped {
  selected: CacheRow[];
  images: number;
  kept: string[];
  blobs: { digest: Digest; size: number }[];
}

function dropRows(store: Store, rows: readonly CacheRow[], request: PruneRequest): Dropped {
  const { db } = store;
  const before = request.notUsedSinceMs ?? Number.MAX_SAFE_INTEGER;
  const kept = (
    db.prepare('SELECT name FROM kept WHERE created_ms < ?').all(before) as { name: string }[]
  ).map(({ name }) => name);
  const needed = neededSnapshots(store, request, new Set(kept));
  const byId = new Map(rows.map((row) => [row.id, row]));
  const selected = selectForPrune(rows, needed, request).map(({ id }) => byId.get(id) as CacheRow);
  const ids = JSON.stringify(selected.map(({ id }) => id));
  const among = 'IN (SELECT value FROM json_each(?))';
  const images = (
    db.prepare(`SELECT count(*) AS count FROM images WHERE snapshot ${among}`).get(ids) as { count: number }
  ).count;
  const blobs = db
    .prepare(
      `SELECT digest, size FROM blobs WHERE last_used_ms < ?
         AND digest NOT IN (SELECT diff_id FROM layers WHERE snapshot NOT ${among})
         AND digest NOT IN (SELECT p.digest FROM packed_layers p JOIN layers l ON l.diff_id = p.diff_id
                            WHERE l.snapshot NOT ${among})
         AND digest NOT IN (SELECT manifest FROM images WHERE manifest IS NOT NULL AND snapshot NOT ${among})`,
    )
    .all(Math.min(before, Date.now() - blobGraceMs), ids, ids, ids) as unknown as Dropped['blobs'];
  if (!request.dryRun) {
    // An index goes with any of its images.
    db.prepare(
      `DELETE FROM images WHERE id IN
         (SELECT m."index" FROM members m JOIN images i ON i.id = m.image WHERE i.snapshot ${among})`,
    ).run(ids);
    db.prepare(`DELETE FROM images WHERE snapshot ${among}`).run(ids);
    // A build that needs them asks their registries again.
    db.prepare(
      `DELETE FROM registry_manifests WHERE digest NOT IN (SELECT origin FROM images WHERE origin IS NOT NULL)
         AND digest NOT IN (SELECT manifest FROM registry_names WHERE asked_ms >= ?)`,
    ).run(Math.min(before, Date.now() - blobGraceMs));
    for (const { id } of selected) db.prepare('DELETE FROM snapshots WHERE id = ?').run(id);
    for (const { digest } of blobs) db.prepare('DELETE FROM blobs WHERE digest = ?').run(digest);
    for (const name of kept) db.prepare('DELETE FROM kept WHERE name = ?').run(name);
    dropUnneededManifests(db);
  }
  return { selected, images, kept, blobs };
}

/** Snapshots of tagged images, of running processes, of failed steps that stay; unless `all`, of each last build. */
function neededSnapshots(
  store: Store,
  request: PruneRequest,
  goneSteps: ReadonlySet<string>,
): Set<SnapshotId> {
  const { db } = store;
  const ids = (sql: string, ...values: string[]) =>
    (db.prepare(sql).all(...values) as { id: SnapshotId | null }[]).map(({ id }) => id);
  const needed = [
    ...ids('SELECT snapshot AS id FROM images JOIN tags ON tags.image = images.id'),
    ...ids(
      'SELECT snapshot AS id FROM images i JOIN members m ON m.image = i.id JOIN tags ON tags.image = m."index"',
    ),
    ...ids(
      'SELECT snapshot AS id FROM leases WHERE run IN (SELECT value FROM json_each(?))',
      JSON.stringify(liveRuns(store)),
    ),
    ...ids(
      'SELECT base AS id FROM kept WHERE name NOT IN (SELECT value FROM json_each(?))',
      JSON.stringify([...goneSteps]),
    ),
  ];
  // By age or size a person says what to take, whoever used it last.
  const isByPolicy = request.notUsedSinceMs !== undefined || request.keepBytes !== undefined;
  if (!request.all && !isByPolicy) {
    needed.push(
      ...ids(
        `SELECT s.snapshot AS id FROM build_steps s JOIN builds b ON b.id = s.build
         WHERE b.started_ms = (SELECT max(started_ms) FROM builds WHERE build_file = b.build_file)`,
      ),
      ...ids('SELECT base AS id FROM warm_steps UNION SELECT result FROM warm_steps'),
    );
  }
  return new Set(needed.filter((id) => id !== null));
}

function removeFiles(
  store: Store,
  selected: readonly CacheRow[],
  kept: readonly string[],
  blobs: Dropped['blobs'],
): void {
  const driver = driverFor(store);
  const gone = new Set(selected.flatMap(({ folders }) => folders));
  // Copies share folders with those that started from them.
  for (const folder of namedFolders(store.db)) gone.delete(folder);
  for (const folder of gone) {
    if (existsSync(join(store.dir, 'snapshots', folder))) driver.remove(folder);
  }
  for (const name of kept) driver.discard(join(store.dir, 'kept', name));
  for (const { digest } of blobs) rmSync(join(store.dir, 'blobs/sha256', hexOf(digest)), { force: true });
}
