/** Removing caches that builds made, and mending what doesn't fit together. What people made is never touched here. */
import { readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { folderBytes } from '../kit/disk-use.ts';
import { UserError } from '../kit/errors.ts';
import { transaction } from '../store/database.ts';
import { liveRuns, type RunHandle } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import { removeVolumes } from './create.ts';
import { volumeBytes } from './inspect.ts';
import { volumeDir } from './names.ts';
import { deleteRow, foldersWithoutRows, hasFolder, listVolumes } from './rows.ts';
import { liveUses } from './uses.ts';

export interface PrunedVolume {
  name: string;
  bytes: number;
}

/** Removes volumes of kind `cache` that nobody uses, and that were not used since then. `dryRun`: only tells. */
export function pruneCaches(
  store: Store,
  run: RunHandle,
  { notUsedSinceMs, dryRun }: { notUsedSinceMs?: number | undefined; dryRun: boolean },
): PrunedVolume[] {
  const old = listVolumes(store).filter(
    ({ name, kind, lastUsedMs }) =>
      kind === 'cache' &&
      lastUsedMs < (notUsedSinceMs ?? Number.POSITIVE_INFINITY) &&
      liveUses(store, name).length === 0,
  );
  const pruned = old
    .map(({ name }) => ({ name, bytes: volumeBytes(store, name) }))
    .filter(({ name }) => dryRun || removeIfFree(store, run, name));
  // Where caches lay before there were volumes.
  const legacy = join(store.dir, 'volumes', 'caches');
  if (
    notUsedSinceMs !== undefined ||
    !statSync(legacy, { throwIfNoEntry: false }) ||
    hasFolder(store, 'caches')
  )
    return pruned;
  const bytes = folderBytes(legacy);
  if (!dryRun) rmSync(legacy, { recursive: true, force: true });
  return [...pruned, { name: 'caches', bytes }];
}

/** False when somebody began to use it just now. */
function removeIfFree(store: Store, run: RunHandle, name: string): boolean {
  try {
    return removeVolumes(store, run, [name], { ifAny: true }).length > 0;
  } catch (error) {
    if (error instanceof UserError && error.code === 'volume-in-use') return false;
    throw error;
  }
}

export interface VolumeFinding {
  what: string;
  mend: () => void;
}

/** What doesn't fit together. Data are never removed: a folder that no row names becomes a volume. */
export function checkVolumes(store: Store): VolumeFinding[] {
  const { db } = store;
  const rows = (db.prepare('SELECT name FROM volumes').all() as { name: string }[]).map(({ name }) => name);
  const live = new Set(liveRuns(store));
  const uses = db.prepare('SELECT DISTINCT run FROM volume_uses').all() as { run: string }[];
  return [
    ...foldersWithoutRows(store, new Set(rows)).map((name) => ({
      what: `volume folder ${name}, which no row names: now the volume ${name}`,
      mend: () => void listVolumes(store),
    })),
    ...rows
      .filter((name) => !hasFolder(store, name))
      .map((name) => ({
        what: `the row of volume ${name}, whose files are gone`,
        mend: () => transaction(db, () => (hasFolder(store, name) ? undefined : deleteRow(store, name))),
      })),
    ...emptyFolders(store).map((name) => ({
      what: `the empty folder ${name} of no volume`,
      mend: () => rmdirSync(volumeDir(store, name)),
    })),
    ...uses
      .filter(({ run }) => !live.has(run))
      .map(({ run }) => ({
        what: `uses of volumes by run ${run}, which has ended`,
        mend: () => void db.prepare('DELETE FROM volume_uses WHERE run = ?').run(run),
      })),
  ];
}

function emptyFolders(store: Store): string[] {
  return readdirSync(join(store.dir, 'volumes'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && readdirSync(volumeDir(store, entry.name)).length === 0)
    .map(({ name }) => name);
}
