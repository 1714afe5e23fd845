/** Records of builds: what each step was, why it ran and from what inputs; for `explain`, logs and `shell --failed`. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { PlanLocation, SnapshotId, StepId, StepKey, StepUsage } from '../plan/index.ts';
import { type Database, transaction } from './database.ts';
import { touchSnapshots } from './snapshots.ts';
import type { Store } from './store.ts';

/** All that a step's key is made of, by name. Values are short texts or digests. */
export type InputFacts = Readonly<Record<string, string>>;

export type StepState = 'ran' | 'reused' | 'failed' | 'cancelled';

export interface StepRecord {
  step: StepId;
  stage: string;
  title: string;
  internal: boolean;
  /** Where a person wrote it. */
  location?: PlanLocation | undefined;
  /** Finds the same step in another build of the same build file. */
  slot: string;
  key?: StepKey | undefined;
  state: StepState;
  reason?: string | undefined;
  inputs: InputFacts;
  durationMs?: number | undefined;
  /** Of the command, when it ran in this build. */
  usage?: StepUsage | undefined;
  snapshot?: SnapshotId | undefined;
  /** Folder below kept/, of a failed step. */
  workspace?: string | undefined;
}

export interface BuildRecord {
  id: string;
  buildFile: string;
  startedMs: number;
  endedMs: number;
  outcome: 'done' | 'failed' | 'interrupted';
  steps: readonly StepRecord[];
}

/** How many builds of one build file are remembered. */
const keptBuilds = 30;

/** Records the build, and that the snapshots of its steps were used. */
export function recordBuild(store: Store, build: BuildRecord): void {
  const { db } = store;
  const dropped = transaction(db, () => {
    touchSnapshots(
      db,
      build.steps.flatMap(({ snapshot }) => snapshot ?? []),
    );
    const rows = build.steps.map(rowOf);
    if (repeatsLast(db, build, rows)) return [];
    db.prepare(
      'INSERT INTO builds (id, build_file, started_ms, ended_ms, outcome) VALUES (?, ?, ?, ?, ?)',
    ).run(build.id, build.buildFile, build.startedMs, build.endedMs, build.outcome);
    const values = Array(stepColumns.length + 1).fill('?');
    const insert = db.prepare(`INSERT INTO build_steps (build, ${stepColumns}) VALUES (${values})`);
    for (const row of rows) insert.run(build.id, ...row);
    const old = db
      .prepare('SELECT id FROM builds WHERE build_file = ? ORDER BY started_ms DESC LIMIT -1 OFFSET ?')
      .all(build.buildFile, keptBuilds) as { id: string }[];
    for (const { id } of old) db.prepare('DELETE FROM builds WHERE id = ?').run(id);
    return old;
  });
  for (const { id } of dropped) rmSync(join(store.dir, 'logs', id), { recursive: true, force: true });
}

const stepColumns = [
  ...['step', 'position', 'stage', 'title', 'internal', 'slot', 'key', 'state', 'reason', 'inputs'],
  ...['duration_ms', 'snapshot', 'workspace', 'usage', 'location'],
] as const;

/** A step's values of `stepColumns`. */
function rowOf(step: StepRecord, position: number): (string | number | null)[] {
  return [
    step.step,
    position,
    step.stage,
    step.title,
    step.internal ? 1 : 0,
    step.slot,
    step.key ?? null,
    step.state,
    step.reason ?? null,
    JSON.stringify(step.inputs),
    step.durationMs === undefined ? null : Math.round(step.durationMs),
    step.snapshot ?? null,
    step.workspace ?? null,
    step.usage === undefined ? null : JSON.stringify(step.usage),
    step.location === undefined ? null : JSON.stringify(step.location),
  ];
}

/**
 * Where this build and the last one of the build file had nothing to do for the very same steps, that record is moved to now: all
 * of it holds for this build too. To write it again would take longer than the build.
 */
function repeatsLast(db: Database, build: BuildRecord, rows: readonly ReturnType<typeof rowOf>[]): boolean {
  const { buildFile, startedMs, endedMs, outcome, steps } = build;
  if (outcome !== 'done' || steps.some(({ state }) => state !== 'reused')) return false;
  const last = db
    .prepare('SELECT id, outcome FROM builds WHERE build_file = ? ORDER BY started_ms DESC LIMIT 1')
    .get(buildFile) as Pick<BuildRecord, 'id' | 'outcome'> | undefined;
  if (last?.outcome !== 'done') return false;
  const recorded = db.prepare(`SELECT ${stepColumns} FROM build_steps WHERE build = ? ORDER BY position`);
  const old = recorded.all(last.id) as Record<string, string | number | null>[];
  const isSame = (row: (typeof rows)[number], at: number) =>
    stepColumns.every((column, index) => old[at]?.[column] === row[index]);
  if (old.length !== rows.length || !rows.every(isSame)) return false;
  db.prepare('UPDATE builds SET started_ms = max(started_ms, ?), ended_ms = ? WHERE id = ?').run(
    startedMs,
    endedMs,
    last.id,
  );
  return true;
}

/** The newest builds first; of one build file, or of all. */
export function listBuilds(store: Store, buildFile?: string): Omit<BuildRecord, 'steps'>[] {
  const rows = store.db
    .prepare(
      `SELECT id, build_file AS buildFile, started_ms AS startedMs, ended_ms AS endedMs, outcome FROM builds
       WHERE build_file = coalesce(?, build_file) ORDER BY started_ms DESC`,
    )
    .all(buildFile ?? null);
  return rows as unknown as Omit<BuildRecord, 'steps'>[];
}

export function stepsOf(store: Store, build: string): StepRecord[] {
  const rows = store.db
    .prepare(
      `SELECT step, stage, title, internal, slot, key, state, reason, inputs, duration_ms AS durationMs, snapshot, workspace,
         location
       FROM build_steps WHERE build = ? ORDER BY position`,
    )
    .all(build) as unknown as (Omit<StepRecord, 'inputs' | 'internal' | 'location'> & {
    inputs: string;
    internal: number;
    location: string | null;
  })[];
  return rows.map((row) => ({
    ...row,
    internal: row.internal === 1,
    inputs: JSON.parse(row.inputs) as InputFacts,
    location: row.location === null ? undefined : (JSON.parse(row.location) as PlanLocation),
  }));
}

/** Inputs of the step in `slot`, as they were when it last ran or was reused in a build of this build file. */
export function lastInputs(
  store: Store,
  buildFile: string,
  slot: string,
  beforeMs: number,
): InputFacts | undefined {
  const row = store.db
    .prepare(
      `SELECT s.inputs FROM build_steps s JOIN builds b ON b.id = s.build
       WHERE b.build_file = ? AND s.slot = ? AND b.started_ms < ? AND s.state IN ('ran', 'reused')
       ORDER BY b.started_ms DESC LIMIT 1`,
    )
    .get(buildFile, slot, beforeMs) as { inputs: string } | undefined;
  return row && (JSON.parse(row.inputs) as InputFacts);
}

/** What the step in `slot` used in its last runs that came to their end, as long as it was the same one; the newest first. */
export function usagesOf(
  store: Store,
  buildFile: string,
  { slot, title }: Pick<StepRecord, 'slot' | 'title'>,
  most: number,
): StepUsage[] {
  const rows = store.db
    .prepare(
      `SELECT s.usage FROM build_steps s JOIN builds b ON b.id = s.build
       WHERE b.build_file = ? AND s.slot = ? AND s.title = ? AND s.state = 'ran' AND s.usage IS NOT NULL
       ORDER BY b.started_ms DESC LIMIT ?`,
    )
    .all(buildFile, slot, title, most) as { usage: string }[];
  return rows.map(({ usage }) => JSON.parse(usage) as StepUsage);
}

/** What the step in `slot` gave in the last build of this build file that came so far. */
export function lastResultOf(
  store: Store,
  buildFile: string,
  slot: string,
): { snapshot: SnapshotId; key: StepKey; inputs: InputFacts } | undefined {
  const row = store.db
    .prepare(
      `SELECT s.snapshot, s.key, s.inputs FROM build_steps s JOIN builds b ON b.id = s.build
       WHERE b.build_file = ? AND s.slot = ? AND s.snapshot IS NOT NULL AND s.state IN ('ran', 'reused')
       ORDER BY b.started_ms DESC LIMIT 1`,
    )
    .get(buildFile, slot) as { snapshot: SnapshotId; key: StepKey; inputs: string } | undefined;
  return row && { ...row, inputs: JSON.parse(row.inputs) as InputFacts };
}

/** Inputs of the step that was filed under `key` when it ran. */
export function inputsOfKey(store: Store, key: StepKey): InputFacts | undefined {
  const row = store.db
    .prepare(
      `SELECT s.inputs FROM build_steps s JOIN builds b ON b.id = s.build WHERE s.key = ?
       ORDER BY s.state = 'ran' DESC, b.started_ms DESC LIMIT 1`,
    )
    .get(key) as { inputs: string } | undefined;
  return row && (JSON.parse(row.inputs) as InputFacts);
}
