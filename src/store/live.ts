/**
 * Rows of live builders: containers whose processes stay alive between rebuilds. Each has a run of its own, whose lock the
 * container holds: a row says something only while that is so.
 */
import type { Compute, SnapshotId } from '../plan/index.ts';
import { type Database, prepared } from './database.ts';
import { isAlive } from './runs.ts';
import type { Store } from './store.ts';

export interface LiveBuilder {
  run: string;
  /** The part of a step that it is for. */
  builder: string;
  slot: string;
  part: number;
  definition: string;
  /** For people. */
  buildFile: string;
  stage: string;
  title: string;
  limits: Compute;
  /** How the container is reached, and where its files are: the worker's own words, as JSON. */
  resident: string;
  workspace: string;
  /** What it was forked from. */
  start: SnapshotId | undefined;
  /** What of the step's base its files hold. */
  base: SnapshotId | undefined;
  /** The last snapshot that was taken of it; before there is one, its start. */
  captured: SnapshotId | undefined;
  /** The last result that it stands for. */
  result: SnapshotId | undefined;
  /** No time in it that a run set is later. Nanoseconds since the Unix epoch. */
  seenNs: bigint;
  /** Its files are being changed. If nobody does that any more, they are good for nothing. */
  busy: boolean;
  createdMs: number;
  usedMs: number;
}

const columns = {
  run: 'run',
  builder: 'builder',
  slot: 'slot',
  part: 'part',
  definition: 'definition',
  buildFile: 'build_file',
  stage: 'stage',
  title: 'title',
  limits: 'limits',
  resident: 'resident',
  workspace: 'workspace',
  start: 'start',
  base: 'base',
  captured: 'captured',
  result: 'result',
  seenNs: 'seen_ns',
  busy: 'busy',
  createdMs: 'created_ms',
  usedMs: 'used_ms',
} as const satisfies Record<keyof LiveBuilder, string>;

const names = Object.values(columns);

/** Those whose containers live, the one that was used last first. */
export function liveBuilders(store: Store): LiveBuilder[] {
  const rows = prepared(store.db, 'SELECT * FROM live_builders ORDER BY used_ms DESC').all() as Record<
    string,
    string | number | null
  >[];
  return rows.filter(({ run }) => isAlive(store, run as string)).map(toLive);
}

function toLive(row: Record<string, string | number | null>): LiveBuilder {
  const raw = Object.fromEntries(
    Object.entries(columns).map(([field, column]) => [field, row[column] ?? undefined]),
  ) as unknown as Omit<LiveBuilder, 'limits' | 'seenNs' | 'busy'> & {
    limits: string;
    seenNs: string;
    busy: number;
  };
  return {
    ...raw,
    limits: JSON.parse(raw.limits) as Compute,
    seenNs: BigInt(raw.seenNs),
    busy: raw.busy === 1,
  };
}

export function saveLive(db: Database, live: LiveBuilder): void {
  const values = (Object.keys(columns) as (keyof LiveBuilder)[]).map((field) => {
    if (field === 'limits') return JSON.stringify(live.limits);
    if (field === 'seenNs') return String(live.seenNs);
    if (field === 'busy') return live.busy ? 1 : 0;
    return live[field] ?? null;
  });
  const marks = names.map(() => '?').join(', ');
  prepared(db, `INSERT OR REPLACE INTO live_builders (${names.join(', ')}) VALUES (${marks})`).run(...values);
}

/** A last result was brought up to date without running anything: who stood for the old one stands for the new one. */
export function moveLive(db: Database, from: SnapshotId, to: SnapshotId): void {
  prepared(db, 'UPDATE live_builders SET result = ? WHERE result = ?').run(to, from);
}

/** Keeps from being removed what a live builder stands on: its start, its base and its last snapshot. */
export function holdSnapshots(db: Database, { run, start, base, captured }: LiveBuilder): void {
  const held = [start, base, captured].filter((id) => id !== undefined);
  const marks = held.map(() => '?').join(', ');
  db.prepare(`DELETE FROM leases WHERE run = ? AND snapshot NOT IN (${marks})`).run(run, ...held);
  for (const id of held)
    prepared(db, 'INSERT OR IGNORE INTO leases (run, snapshot) VALUES (?, ?)').run(run, id);
}
