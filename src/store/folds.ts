/**
 * Folds: folders that stand for several snapshots in a row, so that a stack stays short however long the chain is. A chain is folded
 * in levels, as the digits of a number are carried: see workers/local/snapshots/fold-stack.ts.
 */
import type { SnapshotId } from '../plan/index.ts';
import { type Database, prepared } from './database.ts';

/** One place of a stack: a snapshot, or a fold of it and some below it. */
export interface StackRow {
  id: SnapshotId;
  /** The snapshot's own folders, top first. */
  folders: string[];
  /** The folder of the widest fold that begins with the snapshot. */
  folded: string | null;
  /** 0: no fold. */
  level: number;
  /** The snapshot at the next place. */
  next: SnapshotId | null;
}

const columns = `s.id AS id, s.folders AS folders, f.folder AS folded, coalesce(f.level, 0) AS level,
  CASE WHEN f.folder IS NULL THEN s.parent ELSE f.base END AS next`;
const source = `snapshots s LEFT JOIN folds f
  ON f.snapshot = s.id AND f.level = (SELECT max(level) FROM folds WHERE snapshot = s.id)`;

/** What a snapshot stands on, itself first, by as few folders as there are; at most the first `most` places. */
export function stackRows(db: Database, id: SnapshotId, most = -1): StackRow[] {
  const rows = prepared(
    db,
    `WITH RECURSIVE stack AS (
       SELECT ${columns}, 0 AS depth FROM ${source} WHERE s.id = ?
       UNION ALL SELECT ${columns}, depth + 1 FROM stack JOIN (${source}) ON s.id = stack.next)
     SELECT id, folders, folded, level, next FROM stack LIMIT ?`,
  ).all(id, most) as unknown as (Omit<StackRow, 'folders'> & { folders: string })[];
  const isWhole = rows.length === most || rows.at(-1)?.next === null;
  if (!isWhole) throw new Error(`snapshot ${rows.at(-1)?.next ?? id} has no row`);
  return rows.map((row) => ({ ...row, folders: JSON.parse(row.folders) as string[] }));
}

export interface NewFold {
  /** The first of the snapshots that it stands for. */
  snapshot: SnapshotId;
  /** The first one below them. */
  base: SnapshotId | null;
  level: number;
  /** Below snapshots/. */
  folder: string;
}

/** False where another process was faster: then its folder counts. */
export function addFold(db: Database, { snapshot, base, level, folder }: NewFold): boolean {
  const { changes } = prepared(
    db,
    'INSERT OR IGNORE INTO folds (snapshot, level, base, folder) VALUES (?, ?, ?, ?)',
  ).run(snapshot, level, base, folder);
  return changes > 0;
}

/** SQL: a JSON list of the folders of the folds that begin with the snapshot `id`. */
export const foldsOf = (id: string) => `(SELECT json_group_array(folder) FROM folds WHERE snapshot = ${id})`;

/** Names of the folders of all snapshots below snapshots/: of their own changes, and of folds. */
export function listFolders(db: Database): { id: SnapshotId; folders: string[]; folds: string[] }[] {
  const rows = db.prepare(`SELECT id, folders, ${foldsOf('s.id')} AS folds FROM snapshots s`).all() as {
    id: SnapshotId;
    folders: string;
    folds: string;
  }[];
  return rows.map(({ id, folders, folds }) => ({
    id,
    folders: JSON.parse(folders) as string[],
    folds: JSON.parse(folds) as string[],
  }));
}

/** Names of all folders below snapshots/ that rows name. */
export function namedFolders(db: Database): Set<string> {
  return new Set(listFolders(db).flatMap(({ folders, folds }) => [...folders, ...folds]));
}
