/** Rows of warm builders: the last good result of each part of each step, and what it stands on. */
import { constants, deflateSync, inflateSync } from 'node:zlib';
import type { SnapshotId, StepKey } from '../plan/index.ts';
import { type Database, transaction } from './database.ts';

/** Whether a part may run again on its own result. `reruns`: it doesn't fail there; whether it changes anything isn't known. */
export type Fitness = 'unknown' | 'reruns' | 'fit' | 'clean-only';

/** What a run did with a path of its base: at most the last of these. */
export type ReadKind = 'changed' | 'opened' | 'started';

/** By path, without `/` in front; a folder that was changed as a whole has a `/` at its end, and stands for all below it. */
export type Reads = ReadonlyMap<string, ReadKind>;

/** What a mount of another step showed, by that step's snapshot, and the form in which the run saw it. */
export interface WarmMount {
  content: SnapshotId;
  /** The same content, with times that grow with each change. */
  shown: SnapshotId;
}

export interface WarmPart {
  slot: string;
  part: number;
  /** Digest of the operation without its inputs: with another one, the result says nothing. */
  definition: string;
  /** Digest of the instructions that its base came from: of images and commands, not of copied files. */
  lineage: string;
  /** Key of the step, as if all of its inputs came from the clean lane. */
  key: StepKey;
  base: SnapshotId | undefined;
  result: SnapshotId;
  mounts: Readonly<Record<string, WarmMount>>;
  /** No time that a run set is later. Nanoseconds since the Unix epoch. */
  seenNs: bigint;
  /** What its runs did with the base since it last ran from that; undefined: not known. */
  reads: Reads | undefined;
  /** What it touched of its own files when it ran with nothing changed; undefined: not known. */
  touches: ReadonlySet<string> | undefined;
  fitness: Fitness;
  /** Why it is clean-only. */
  reason: string | undefined;
}

interface Row {
  slot: string;
  part: number;
  definition: string;
  lineage: string;
  key: StepKey;
  base: SnapshotId | null;
  result: SnapshotId;
  mounts: string;
  seen_ns: string;
  reads: Uint8Array | null;
  touches: Uint8Array | null;
  fitness: Fitness;
  reason: string | null;
}

/** All parts of a builder, by slot. */
export function warmPartsOf(db: Database, builder: string): Map<string, WarmPart[]> {
  const rows = db
    .prepare('SELECT * FROM warm_steps WHERE builder = ? ORDER BY slot, part')
    .all(builder) as unknown as Row[];
  const bySlot = new Map<string, WarmPart[]>();
  for (const row of rows) {
    const parts = bySlot.get(row.slot) ?? [];
    bySlot.set(row.slot, [...parts, toPart(row)]);
  }
  return bySlot;
}

function toPart({ seen_ns, base, reason, mounts, reads, touches, ...row }: Row): WarmPart {
  return {
    slot: row.slot,
    part: row.part,
    definition: row.definition,
    lineage: row.lineage,
    key: row.key,
    result: row.result,
    fitness: row.fitness,
    base: base ?? undefined,
    mounts: JSON.parse(mounts) as WarmPart['mounts'],
    seenNs: BigInt(seen_ns),
    reason: reason ?? undefined,
    // Long lists, of which most builds need none.
    get reads() {
      return reads === null ? undefined : unpack(reads, decodeReads);
    },
    get touches() {
      return touches === null ? undefined : unpack(touches, decodePaths);
    },
  };
}

/** Of lists that came from the database, or went there: most are saved again as they are, and packing them takes longer than all else. */
const packed = new WeakMap<object, Uint8Array>();
const unpacked = new WeakMap<Uint8Array, object>();

function unpack<T extends object>(bytes: Uint8Array, decode: (text: string) => T): T {
  const list = (unpacked.get(bytes) as T | undefined) ?? decode(inflateSync(bytes).toString());
  unpacked.set(bytes, list);
  packed.set(list, bytes);
  return list;
}

function pack<T extends object>(list: T | undefined, encode: (list: T) => string): Uint8Array | null {
  if (list === undefined) return null;
  const bytes = packed.get(list) ?? deflateSync(encode(list), { level: constants.Z_BEST_SPEED });
  packed.set(list, bytes);
  return bytes;
}

const letters = { changed: 'c', opened: 'o', started: 's' } as const;
const kinds = new Map(Object.entries(letters).map(([kind, letter]) => [letter as string, kind as ReadKind]));

function encodeReads(reads: Reads): string {
  return [...reads].map(([path, kind]) => letters[kind] + path).join('\0');
}

function decodeReads(text: string): Reads {
  if (text === '') return new Map();
  return new Map(text.split('\0').map((line) => [line.slice(1), kinds.get(line.charAt(0)) as ReadKind]));
}

function encodePaths(paths: ReadonlySet<string>): string {
  return [...paths].join('\0');
}

function decodePaths(text: string): ReadonlySet<string> {
  return new Set(text === '' ? [] : text.split('\0'));
}

export function saveWarmPart(db: Database, builder: string, part: WarmPart): void {
  db.prepare(
    `INSERT OR REPLACE INTO warm_steps
       (builder, slot, part, definition, lineage, key, base, result, mounts, seen_ns, reads, touches, fitness,
        reason)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(
    builder,
    part.slot,
    part.part,
    part.definition,
    part.lineage,
    part.key,
    part.base ?? null,
    part.result,
    JSON.stringify(part.mounts),
    String(part.seenNs),
    pack(part.reads, encodeReads),
    pack(part.touches, encodePaths),
    part.fitness,
    part.reason ?? null,
  );
}

/** Forgets the parts of a slot from `part` on. */
export function dropWarmParts(db: Database, builder: string, slot: string, part = 0): void {
  db.prepare('DELETE FROM warm_steps WHERE builder = ? AND slot = ? AND part >= ?').run(builder, slot, part);
}

/** The image that a builder built last. */
export function lastWarmImage(db: Database, builder: string): string | undefined {
  const row = db.prepare('SELECT image FROM warm_builders WHERE builder = ?').get(builder);
  return (row as { image: string } | undefined)?.image;
}

/** Forgets all last results of a builder; gives how many there were. */
export function forgetWarmParts(db: Database, builder: string): number {
  return Number(db.prepare('DELETE FROM warm_steps WHERE builder = ?').run(builder).changes);
}

/** Notes what a builder built last, which stays whether it has a tag or not; the one before goes when it has none. */
export function noteWarmImage(db: Database, builder: string, image: string): void {
  transaction(db, () => {
    const last = lastWarmImage(db, builder);
    db.prepare('INSERT OR REPLACE INTO warm_builders (builder, image, updated_ms) VALUES (?, ?, ?)').run(
      builder,
      image,
      Date.now(),
    );
    if (last === undefined) return;
    db.prepare(
      `DELETE FROM images WHERE id = ? AND state = 'warm'
         AND NOT EXISTS (SELECT 1 FROM tags WHERE image = images.id)
         AND NOT EXISTS (SELECT 1 FROM members WHERE image = images.id)
         AND NOT EXISTS (SELECT 1 FROM warm_builders WHERE image = images.id)`,
    ).run(last);
  });
}
