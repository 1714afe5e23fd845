/**
 * What the database knows of volumes. Their folders are the truth: one without a row (a kill in between, a lost
 * database) is adopted when somebody looks, so that nothing of anybody is ever lost to bookkeeping.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { outside, wrongUse } from '../kit/errors.ts';
import { transaction } from '../store/database.ts';
import type { Store } from '../store/store.ts';
import { checkName, dataDir } from './names.ts';

export interface Volume {
  name: string;
  /** `cache`: made by a build for a cache mount. Only those are ever pruned. */
  kind: 'user' | 'cache';
  /** What it was made from, for people; `''` when it began empty. */
  origin: string;
  limitBytes: number | null;
  createdMs: number;
  lastUsedMs: number;
}

const columns =
  'name, kind, origin, limit_bytes AS limitBytes, created_ms AS createdMs, last_used_ms AS lastUsedMs';

function findRow({ db }: Store, name: string): Volume | undefined {
  return db.prepare(`SELECT ${columns} FROM volumes WHERE name = ?`).get(name) as Volume | undefined;
}

/** The volume of that name; undefined when there is none. */
export function findVolume(store: Store, name: string): Volume | undefined {
  checkName(name);
  const row = findRow(store, name);
  if (row !== undefined || !hasFolder(store, name)) return row;
  adopt(store, [name]);
  return findRow(store, name);
}

/** Throws when there is no such volume, or its files are gone. */
export function requireVolume(store: Store, name: string): Volume {
  const volume = findVolume(store, name);
  if (volume === undefined) throw unknownVolume(name);
  if (hasFolder(store, name)) return volume;
  throw outside('missing-volume', `The files of the volume ${name} are gone from ${dataDir(store, name)}.`, {
    hint: `Forget it with \`cambium volume rm ${name}\`.`,
  });
}

export function unknownVolume(name: string) {
  return wrongUse('unknown-volume', `There is no volume \`${name}\`.`, {
    hint: `See \`cambium volume ls\`, or make it with \`cambium volume create ${name}\`.`,
  });
}

/** All volumes, by name. */
export function listVolumes(store: Store): Volume[] {
  const rows = () => store.db.prepare(`SELECT ${columns} FROM volumes ORDER BY name`).all();
  const known = new Set((rows() as unknown as Volume[]).map(({ name }) => name));
  const foundlings = foldersWithoutRows(store, known);
  if (foundlings.length > 0) adopt(store, foundlings);
  return rows() as unknown as Volume[];
}

/** Whether a folder with data is there. */
export function hasFolder(store: Store, name: string): boolean {
  return statSync(dataDir(store, name), { throwIfNoEntry: false })?.isDirectory() === true;
}

export function foldersWithoutRows(store: Store, known: ReadonlySet<string>): string[] {
  return readdirSync(join(store.dir, 'volumes')).filter((name) => !known.has(name) && hasFolder(store, name));
}

/** Gives folders rows. Nobody knows what they were made for: so they are their owner's, and no prune takes them. */
function adopt(store: Store, names: readonly string[]): void {
  transaction(store.db, () => {
    for (const name of names) {
      // It may have been removed meanwhile: that happens in a transaction, too.
      const stats = statSync(dataDir(store, name), { throwIfNoEntry: false });
      if (stats === undefined) continue;
      const createdMs = Math.round(stats.birthtimeMs || stats.ctimeMs);
      insertVolume(store, { name, kind: 'user', origin: '', limitBytes: null, createdMs });
    }
  });
}

/** Adds the row of a volume whose folder is in place; a row that is there stays. */
export function insertVolume({ db }: Store, volume: Omit<Volume, 'lastUsedMs'>): void {
  const { name, kind, origin, limitBytes, createdMs } = volume;
  db.prepare(
    `INSERT OR IGNORE INTO volumes (name, kind, origin, limit_bytes, created_ms, last_used_ms)
     VALUES (?, ?, ?, ?, ?, ?)`,
  ).run(name, kind, origin, limitBytes, createdMs, createdMs);
}

export function deleteRow({ db }: Store, name: string): void {
  db.prepare('DELETE FROM volumes WHERE name = ?').run(name);
}
