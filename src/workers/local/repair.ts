/** Finds what in a store doesn't fit together, and mends it: for `cambium doctor --repair`. */

import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { mountsBelow, unmount } from '../../kit/system.ts';
import type { SnapshotId } from '../../plan/index.ts';
import { transaction } from '../../store/database.ts';
import { listFolders, namedFolders } from '../../store/folds.ts';
import { removeRubbish } from '../../store/rubbish.ts';
import { liveRuns } from '../../store/runs.ts';
import { makeFolders, type Store } from '../../store/store.ts';
import { checkVolumes } from '../../volumes/index.ts';
import { leftCgroups, removeCgroups } from './runtimes/index.ts';
import { driverFor } from './snapshots/registry.ts';
import { sweep } from './sweep.ts';

export interface Finding {
  what: string;
  mended: boolean;
}

/** Runs of live processes are left alone. `mend` false: only looks. */
export async function repairStore(store: Store, mend = true): Promise<Finding[]> {
  if (mend) makeFolders(store.dir);
  const driver = driverFor(store);
  const swept = mend ? await sweep(store, driver) : [];
  if (mend) removeRubbish(store);
  const findings: Finding[] = swept.map((id) => ({
    what: `left by a process that was killed: run ${id}`,
    mended: true,
  }));
  const note = (what: string, how: () => void) => {
    if (mend) how();
    findings.push({ what, mended: mend });
  };
  const live = liveRuns(store);
  const isLive = (name: string) => live.some((run) => name.includes(run));

  for (const at of mountsBelow(store.dir).filter((path) => path !== store.dir && !isLive(path))) {
    note(`a mount at ${at}`, () => unmount(at));
  }
  const gone = foldersGone(store);
  for (const id of gone.snapshots) {
    note(`the row of snapshot ${id}, whose files are gone`, () => dropSnapshot(store, id));
  }
  // What it stood for is there still.
  for (const folder of gone.folds) {
    note(`the row of fold ${folder}, whose files are gone`, () =>
      store.db.prepare('DELETE FROM folds WHERE folder = ?').run(folder),
    );
  }
  // A live run may just be between renaming its workspace and writing the row.
  if (live.length === 0) {
    const named = namedFolders(store.db);
    for (const name of readdirSync(join(store.dir, 'snapshots')).filter((folder) => !named.has(folder))) {
      note(`snapshot folder ${name}, which no row names`, () => driver.remove(name));
    }
    for (const name of readdirSync(join(store.dir, 'run')).filter((entry) => !entry.endsWith('.lock'))) {
      note(`a run folder ${name} without a lock`, () => driver.discard(join(store.dir, 'run', name)));
    }
  }
  for (const finding of checkVolumes(store)) note(finding.what, finding.mend);
  for (const name of keptWithoutRow(store))
    note(`kept workspace ${name}, which no row names`, () => driver.discard(join(store.dir, 'kept', name)));
  for (const finding of await checkBlobs(store)) note(finding.what, finding.mend);
  for (const group of leftCgroups().filter((name) => !isLive(name))) {
    if (mend) await removeCgroups(group);
    findings.push({ what: `a cgroup ${group}`, mended: mend });
  }
  return findings;
}

function foldersGone(store: Store): { snapshots: SnapshotId[]; folds: string[] } {
  const missing = (name: string) => !existsSync(join(store.dir, 'snapshots', name));
  const rows = listFolders(store.db);
  return {
    snapshots: rows.filter(({ folders }) => folders.some(missing)).map(({ id }) => id),
    folds: rows.flatMap(({ folds }) => folds.filter(missing)),
  };
}

/** Removes a snapshot's row with the rows of all that stands on it. */
function dropSnapshot(store: Store, id: SnapshotId): void {
  const { db } = store;
  transaction(db, () => {
    const above = db
      .prepare(
        `WITH RECURSIVE above(id) AS (VALUES (?) UNION SELECT s.id FROM snapshots s JOIN above a ON s.parent = a.id)
         SELECT id FROM above`,
      )
      .all(id) as { id: SnapshotId }[];
    db.exec('PRAGMA defer_foreign_keys = ON');
    for (const { id: each } of above) {
      db.prepare('DELETE FROM tags WHERE image IN (SELECT id FROM images WHERE snapshot = ?)').run(each);
      db.prepare(
        `DELETE FROM tags WHERE image IN
           (SELECT m."index" FROM members m JOIN images i ON i.id = m.image WHERE i.snapshot = ?)`,
      ).run(each);
      db.prepare(
        `DELETE FROM images WHERE id IN
           (SELECT m."index" FROM members m JOIN images i ON i.id = m.image WHERE i.snapshot = ?)`,
      ).run(each);
      db.prepare('DELETE FROM images WHERE snapshot = ?').run(each);
      db.prepare('DELETE FROM snapshots WHERE id = ?').run(each);
    }
  });
}

function keptWithoutRow(store: Store): string[] {
  const rows = store.db.prepare('SELECT name FROM kept').all() as { name: string }[];
  const named = new Set(rows.map(({ name }) => name));
  return readdirSync(join(store.dir, 'kept')).filter((name) => !named.has(name));
}

/** Reads every blob; those whose content isn't what their name says are of no use. */
async function checkBlobs(store: Store): Promise<{ what: string; mend: () => void }[]> {
  const dir = join(store.dir, 'blobs', 'sha256');
  const findings: { what: string; mend: () => void }[] = [];
  const forget = (hex: string) => store.db.prepare('DELETE FROM blobs WHERE digest = ?').run(`sha256:${hex}`);
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    const remove = () => {
      forget(name);
      rmSync(path, { force: true });
    };
    if ((await digestOf(path)) !== name)
      findings.push({ what: `blob ${name.slice(0, 12)}, whose content is damaged`, mend: remove });
  }
  const rows = store.db.prepare('SELECT digest FROM blobs').all() as { digest: string }[];
  for (const { digest } of rows) {
    const hex = digest.slice('sha256:'.length);
    if (!existsSync(join(dir, hex)))
      findings.push({
        what: `the row of blob ${hex.slice(0, 12)}, whose file is gone`,
        mend: () => forget(hex),
      });
  }
  return findings;
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
