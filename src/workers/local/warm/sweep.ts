/** Removes what the warm lane made and nothing stands on any more: over many rebuilds, the store stays as big as it was. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { SnapshotId } from '../../../plan/index.ts';
import { transaction } from '../../../store/database.ts';
import { foldsOf, namedFolders } from '../../../store/folds.ts';
import { liveRuns } from '../../../store/runs.ts';
import type { RunPlace } from '../run-place.ts';

/** Results of the warm lane that no builder, image, other snapshot, kept workspace or living run needs. */
const unneeded = `
  SELECT id, folders, ${foldsOf('s.id')} AS folds FROM snapshots s WHERE kind <> 'clean'
    AND NOT EXISTS (SELECT 1 FROM warm_steps WHERE base = s.id OR result = s.id)
    AND NOT EXISTS (SELECT 1 FROM images WHERE snapshot = s.id)
    AND NOT EXISTS (SELECT 1 FROM snapshots c WHERE c.parent = s.id)
    AND NOT EXISTS (SELECT 1 FROM kept WHERE base = s.id)
    AND NOT EXISTS (SELECT 1 FROM warm_steps, json_each(warm_steps.mounts) m
                    WHERE s.id IN (m.value ->> 'content', m.value ->> 'shown'))
    AND NOT EXISTS (SELECT 1 FROM leases WHERE snapshot = s.id AND run IN (SELECT value FROM json_each(?)))`;

/** Images of warm rebuilds that have lost their tags to a newer one. */
const untagged = `
  DELETE FROM images WHERE state = 'warm' AND created_ms < ?
    AND NOT EXISTS (SELECT 1 FROM tags WHERE image = images.id)
    AND NOT EXISTS (SELECT 1 FROM members WHERE image = images.id)
    AND NOT EXISTS (SELECT 1 FROM warm_builders WHERE image = images.id)`;

/** Untagged images younger than this may be what a command has just made. */
const graceMs = 60_000;

/** `own`: leases of the running command count no more. */
export function sweepWarm(place: RunPlace): void {
  const { store } = place;
  const others = JSON.stringify(liveRuns(store).filter((run) => run !== place.runId));
  store.db.prepare(untagged).run(Date.now() - graceMs);
  const removed: string[] = [];
  for (;;) {
    const rows = transaction(store.db, () => {
      const found = store.db.prepare(unneeded).all(others) as {
        id: SnapshotId;
        folders: string;
        folds: string;
      }[];
      const folders = found.flatMap((row) => [
        ...(JSON.parse(row.folders) as string[]),
        ...(JSON.parse(row.folds) as string[]),
      ]);
      // If this process is killed before they are gone: a sweep of its run removes what these name and no row does.
      for (const folder of folders) mkdirSync(join(place.runDir, folder), { recursive: true });
      for (const { id } of found) store.db.prepare('DELETE FROM snapshots WHERE id = ?').run(id);
      removed.push(...folders);
      return found;
    });
    if (rows.length === 0) break;
  }
  removeFolders(place, removed);
}

export function removeSnapshot(place: RunPlace, id: SnapshotId): void {
  const { db } = place.store;
  const row = db.prepare('SELECT folders FROM snapshots WHERE id = ?').get(id) as { folders: string };
  const folders = JSON.parse(row.folders) as string[];
  for (const folder of folders) mkdirSync(join(place.runDir, folder), { recursive: true });
  db.prepare('DELETE FROM snapshots WHERE id = ?').run(id);
  removeFolders(place, folders);
}

function removeFolders({ store, snapshots, runDir }: RunPlace, folders: readonly string[]): void {
  if (folders.length === 0) return;
  const named = namedFolders(store.db);
  for (const folder of folders) if (!named.has(folder)) snapshots.driver.remove(folder);
  for (const folder of folders) rmSync(join(runDir, folder), { recursive: true, force: true });
}
