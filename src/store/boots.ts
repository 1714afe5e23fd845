/**
 * What a power cut may have spoiled. Neither files nor rows are synced when a step ends, so that a row may survive without
 * the files of its snapshot. The kernel writes everything out within a minute or so; what was younger than that when
 * the store last showed life in an earlier boot is trusted no more. That costs one look at a row while the boot is the same.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, prepared, transaction } from './database.ts';

const bootId = '/proc/sys/kernel/random/boot_id';

/**
 * In the first command of a boot: nothing finds the last results of the boot before any more. Images stay, as a wrong alarm must not
 * cost one: a clean shutdown can't be told from a power cut. `dir` is the store's.
 */
export function distrustUnwritten(db: Database, dir: string): void {
  const boot = readText(bootId);
  if (boot === undefined || bootOf(db) === boot) return;
  transaction(db, () => {
    // Another process may have been faster.
    const before = bootOf(db);
    if (before === boot) return;
    db.prepare('INSERT OR REPLACE INTO boots (id, boot) VALUES (0, ?)').run(boot);
    // The store of an older Cambium says nothing of boots.
    if (before !== undefined) forgetYoung(db, dir);
  });
}

function bootOf(db: Database): string | undefined {
  const row = prepared(db, 'SELECT boot FROM boots').get() as { boot: string } | undefined;
  return row?.boot;
}

function forgetYoung(db: Database, dir: string): void {
  const { life } = db
    .prepare('SELECT max(max(created_ms), max(last_used_ms)) AS life FROM snapshots')
    .get() as {
    life: number | null;
  };
  if (life === null) return;
  const since = life - unwrittenMs();
  const young = 'SELECT id FROM snapshots WHERE created_ms >= ?';
  for (const table of ['keys', 'copy_slots'])
    db.prepare(`DELETE FROM ${table} WHERE snapshot IN (${young})`).run(since);
  db.prepare(`DELETE FROM warm_steps WHERE result IN (${young}) OR base IN (${young})`).run(since, since);
  const folds = db.prepare('SELECT folder FROM folds').all() as { folder: string }[];
  for (const { folder } of folds) {
    const made = statSync(join(dir, 'snapshots', folder), { throwIfNoEntry: false })?.ctimeMs ?? since;
    if (made >= since) db.prepare('DELETE FROM folds WHERE folder = ?').run(folder);
  }
}

/** Longest time that the kernel keeps what was written in memory: twice, for a store in a file; and some to write it. */
function unwrittenMs(): number {
  const setting = (name: string, usual: number) => Number(readText(`/proc/sys/vm/${name}`) ?? usual) * 10;
  const oldest = setting('dirty_expire_centisecs', 3000);
  return 2 * (oldest + setting('dirty_writeback_centisecs', 500)) + 20_000;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    // No /proc, or not this part of it.
    return undefined;
  }
}
