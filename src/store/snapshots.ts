/** Rows of snapshots and the keys they are filed under. */
import type { SnapshotId, StepKey, StepUsage } from '../plan/index.ts';
import { type Database, prepared, transaction } from './database.ts';

export interface SnapshotRow {
  id: SnapshotId;
  parent: SnapshotId | null;
  folders: string[];
  stage: string;
  title: string;
  durationMs: number;
  createdMs: number;
  kind: SnapshotKind;
}

/** `clean`: of the clean lane. Of the warm one, `whole`: the step ran on its base; `delta`: on its own last result. */
export type SnapshotKind = 'clean' | 'whole' | 'delta';

/** What a key stands for. */
export interface CacheHit {
  snapshot: SnapshotId;
  /** The key that steps on top of this one build upon. */
  canonical: StepKey;
  /** How long the step took when it ran. */
  durationMs: number;
}

/** The cache, as the scheduler sees it: so that it can be looked up elsewhere too. */
export function findKey(db: Database, key: StepKey): CacheHit | undefined {
  const row = prepared(
    db,
    `SELECT k.snapshot, k.canonical, s.duration_ms AS durationMs
     FROM keys k JOIN snapshots s ON s.id = k.snapshot WHERE k.key = ?`,
  ).get(key);
  return row as CacheHit | undefined;
}

export function findSnapshot(db: Database, id: SnapshotId): SnapshotRow | undefined {
  const row = prepared(db, `SELECT ${snapshotColumns} FROM snapshots WHERE id = ?`).get(id) as
    | StoredRow
    | undefined;
  return row && rowOf(row);
}

const snapshotColumns =
  'id, parent, folders, stage, title, duration_ms AS durationMs, created_ms AS createdMs, kind';

type StoredRow = Omit<SnapshotRow, 'folders'> & { folders: string };

function rowOf(row: StoredRow): SnapshotRow {
  return { ...row, folders: JSON.parse(row.folders) as string[] };
}

/** A snapshot and all it stands on, itself first. Reads as many rows: for what a build does once, not for each of its steps. */
export function lineageOf(db: Database, id: SnapshotId): SnapshotRow[] {
  const rows = prepared(
    db,
    `WITH RECURSIVE lineage (id, depth) AS (
       VALUES (?, 0) UNION ALL SELECT s.parent, depth + 1 FROM lineage JOIN snapshots s USING (id) WHERE s.parent IS NOT NULL)
     SELECT ${snapshotColumns} FROM lineage LEFT JOIN snapshots s USING (id) ORDER BY depth`,
  ).all(id) as unknown as StoredRow[];
  return rows.map((row) => {
    if (row.folders === null) throw new Error(`snapshot ${row.id} has no row`);
    return rowOf(row);
  });
}

/** A snapshot and those below it, down to the first that isn't a mere difference on its own last result. */
export function deltasOf(db: Database, id: SnapshotId): SnapshotRow[] {
  const rows = prepared(
    db,
    `WITH RECURSIVE deltas (id, depth) AS (
       VALUES (?, 0) UNION ALL SELECT s.parent, depth + 1 FROM deltas JOIN snapshots s USING (id)
       WHERE s.kind = 'delta' AND s.parent IS NOT NULL)
     SELECT ${snapshotColumns} FROM deltas JOIN snapshots s USING (id) ORDER BY depth`,
  ).all(id) as unknown as StoredRow[];
  return rows.map(rowOf);
}

export interface NewSnapshot {
  id: SnapshotId;
  parent: SnapshotId | undefined;
  driver: string;
  folders: readonly string[];
  stage: string;
  title: string;
  durationMs: number;
  /** Of its command. */
  usage?: StepUsage;
  /** Undefined for what the warm lane made: nothing finds it by a key. */
  key: StepKey | undefined;
  /** Of the warm lane: it holds what changed since the last result of the same step, its parent. */
  isDelta?: boolean;
  /** Another key that finds it too. */
  alias?: StepKey | undefined;
  /** The run that relies on it. */
  run: string;
}

/** Files a snapshot under its keys, and leases it to the run that made it. */
export function insertSnapshot(db: Database, snapshot: NewSnapshot): void {
  const now = Date.now();
  transaction(db, () => {
    db.prepare(
      `INSERT INTO snapshots (id, parent, driver, folders, stage, title, created_ms, last_used_ms, duration_ms, usage, kind)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      snapshot.id,
      snapshot.parent ?? null,
      snapshot.driver,
      JSON.stringify(snapshot.folders),
      snapshot.stage,
      snapshot.title,
      now,
      now,
      Math.round(snapshot.durationMs),
      snapshot.usage === undefined ? null : JSON.stringify(snapshot.usage),
      snapshot.key !== undefined ? 'clean' : snapshot.isDelta ? 'delta' : 'whole',
    );
    db.prepare('INSERT INTO leases (run, snapshot) VALUES (?, ?)').run(snapshot.run, snapshot.id);
    if (snapshot.key === undefined) return;
    fileKey(db, snapshot.key, snapshot.id, snapshot.key);
    if (snapshot.alias !== undefined) fileKey(db, snapshot.alias, snapshot.id, snapshot.key);
  });
}

/** Files (or refiles) a snapshot under a key. */
export function fileKey(db: Database, key: StepKey, snapshot: SnapshotId, canonical: StepKey): void {
  db.prepare('INSERT OR REPLACE INTO keys (key, snapshot, canonical) VALUES (?, ?, ?)').run(
    key,
    snapshot,
    canonical,
  );
}

/** What the commands that made the snapshots used; those that no command made are left out. */
export function usageOf(db: Database, ids: readonly SnapshotId[]): Map<SnapshotId, StepUsage> {
  const rows = db
    .prepare(
      'SELECT id, usage FROM snapshots WHERE usage IS NOT NULL AND id IN (SELECT value FROM json_each(?))',
    )
    .all(JSON.stringify(ids)) as { id: SnapshotId; usage: string }[];
  return new Map(rows.map(({ id, usage }) => [id, JSON.parse(usage) as StepUsage]));
}

/** Notes that the snapshots were used now. */
export function touchSnapshots(db: Database, ids: readonly SnapshotId[]): void {
  db.prepare('UPDATE snapshots SET last_used_ms = ? WHERE id IN (SELECT value FROM json_each(?))').run(
    Date.now(),
    JSON.stringify(ids),
  );
}
