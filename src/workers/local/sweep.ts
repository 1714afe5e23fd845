/** Removes what processes that were killed left in a store: the rule "committed or absent" is kept here. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { unmountBelow } from '../../kit/system.ts';
import { namedFolders } from '../../store/folds.ts';
import { sweepRuns } from '../../store/runs.ts';
import type { Store } from '../../store/store.ts';
import { removeCgroups } from './runtimes/index.ts';
import type { SnapshotDriver } from './snapshots/driver.ts';
import { discardTree } from './snapshots/registry.ts';

/** Ids of the runs that were swept. Each worker calls this when it starts. */
export async function sweep(store: Store, driver: SnapshotDriver): Promise<string[]> {
  return sweepRuns(store, async ({ id, dir }) => {
    unmountBelow(dir);
    for (const name of foldersIn(dir)) {
      // A workspace has the name of the snapshot that it becomes: killed between the rename and its row.
      if (isOrphan(store, name)) driver.remove(name);
      discardTree(store, driver, join(dir, name));
    }
    // Before the run's record goes: a sweeper may be killed, too.
    await removeCgroups(id);
  });
}

/** Whether a folder below snapshots/ is there that no row names. */
function isOrphan(store: Store, folder: string): boolean {
  if (lstatSync(join(store.dir, 'snapshots', folder), { throwIfNoEntry: false }) === undefined) return false;
  return !namedFolders(store.db).has(folder);
}

function foldersIn(dir: string): string[] {
  if (lstatSync(dir, { throwIfNoEntry: false }) === undefined) return [];
  // Half-written files lie beside them, and go with the run.
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? entry.name : [],
  );
}
