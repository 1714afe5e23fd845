/** Images in the database: their rows, and what is filed under a new one. By which names they are found is in `tags.ts`. */
import { canonicalJson, type Digest, hexOf, sha256 } from '../kit/digest.ts';
import type { ImageConfig, Platform, SnapshotId } from '../plan/index.ts';
import { type Database, transaction } from '../store/database.ts';
import { normaliseTag } from './references.ts';

/** How a layer, or a change of the configuration, came about. */
export interface HistoryItem {
  createdBy: string;
  /** The snapshot whose layer it is; without one, the configuration alone was changed. */
  snapshot?: SnapshotId;
  /** RFC 3339; that of the image when absent. */
  created?: string;
  author?: string;
  comment?: string;
}

export interface NewImage {
  snapshot: SnapshotId;
  /** Folder of the snapshot that is the image's root. */
  root: string;
  config: ImageConfig;
  platform: Platform;
  history: readonly HistoryItem[];
  author?: string;
}

/** `verified`: all of it is what a clean build gives. `warm`: a part of it comes from a warm rebuild. */
export type ImageState = 'verified' | 'warm';

export interface Image extends NewImage {
  /** 64 hex digits. */
  id: string;
  state: ImageState;
  createdMs: number;
  /** Digest of its OCI manifest or index, with its layers as the store has them, once that was made. */
  manifest?: Digest;
  /** The manifest of a registry that it came from. */
  origin?: Digest;
  /** Of an index: its images, one a platform. The rest of the record is that of the one that stands for all. */
  members?: readonly Image[];
}

export interface TaggedImage extends Image {
  /** Normalised. */
  tags: string[];
}

export interface ImageRow {
  id: string;
  snapshot: string;
  root: string;
  config: string;
  platform: string;
  history: string;
  created_ms: number;
  manifest: string | null;
  state: ImageState;
  author: string | null;
  origin: string | null;
}

/** Files an image and gives it `tags` (in any form); the same record again is the same image, with its first time. */
export function saveImage(
  db: Database,
  image: NewImage & { createdMs?: number; state?: ImageState },
  tags: readonly string[] = [],
): Image {
  const { createdMs, state = 'verified', ...record } = image;
  const names = tags.map(normaliseTag);
  const { snapshot, root, config, platform, history, author = null } = record;
  const facts = [snapshot, root, ...[config, platform, history].map((fact) => JSON.stringify(fact)), author];
  return transaction(db, () => {
    // Builds with nothing to do find it so. A digest would take 3 ms to load.
    const known = createdMs === undefined ? imageOf(db, facts) : undefined;
    const id =
      known ?? hexOf(sha256(canonicalJson({ ...record, ...(createdMs === undefined ? {} : { createdMs }) })));
    db.prepare(
      `INSERT OR IGNORE INTO images (id, snapshot, root, config, platform, history, author, created_ms, state)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(id, ...facts, createdMs ?? Date.now(), state);
    if (state === 'verified') setVerified(db, id);
    for (const name of names) putTag(db, name, id);
    return imageById(db, id) as Image;
  });
}

/** The first image of these facts, no index. */
function imageOf(db: Database, facts: readonly (string | null)[]): string | undefined {
  const row = db
    .prepare(
      `SELECT id FROM images WHERE snapshot = ? AND root = ? AND config = ? AND platform = ? AND history = ? AND author IS ?
       AND id NOT IN (SELECT "index" FROM members) ORDER BY created_ms LIMIT 1`,
    )
    .get(...facts) as Pick<ImageRow, 'id'> | undefined;
  return row?.id;
}

/** Notes that a clean build gives the same image. */
function setVerified(db: Database, id: string): void {
  db.prepare("UPDATE images SET state = 'verified' WHERE id = ? AND state <> 'verified'").run(id);
}

/** Gives the name to an image. What a registry said of the name no longer counts. */
export function putTag(db: Database, name: string, id: string): void {
  db.prepare('DELETE FROM registry_names WHERE name = ?').run(name);
  tagFromRegistry(db, name, id);
}

/** The same (for a normalised name) where a registry said so. */
export function tagFromRegistry(db: Database, name: string, id: string): void {
  db.prepare(
    `INSERT INTO tags (name, image, updated_ms) VALUES (?, ?, ?) ON CONFLICT (name) DO
     UPDATE SET image = excluded.image, updated_ms = excluded.updated_ms WHERE image <> excluded.image`,
  ).run(name, id, Date.now());
}

/** Notes the digest of the image's manifest, by which it can be named then. */
export function setManifest(db: Database, id: string, manifest: Digest): void {
  db.prepare('UPDATE images SET manifest = ? WHERE id = ?').run(manifest, id);
}

/** Notes the registry's manifest that the image came from. */
export function setOrigin(db: Database, id: string, manifest: Digest): void {
  db.prepare('UPDATE images SET origin = ? WHERE id = ?').run(manifest, id);
}

/** The image that came from a registry's manifest. */
export function imageByOrigin(db: Database, manifest: Digest): Image | undefined {
  const row = db.prepare('SELECT * FROM images WHERE origin = ?').get(manifest) as ImageRow | undefined;
  return row && toImage(row);
}

function toImage(row: ImageRow): Image {
  return {
    id: row.id,
    snapshot: row.snapshot as SnapshotId,
    root: row.root,
    config: JSON.parse(row.config) as ImageConfig,
    platform: JSON.parse(row.platform) as Platform,
    history: JSON.parse(row.history) as HistoryItem[],
    createdMs: row.created_ms,
    state: row.state,
    ...(row.author === null ? {} : { author: row.author }),
    ...(row.manifest === null ? {} : { manifest: row.manifest as Digest }),
    ...(row.origin === null ? {} : { origin: row.origin as Digest }),
  };
}

/** Whether a clean build has given, or would give, the very same files. */
export function isVerified({ state }: Pick<Image, 'state'>): boolean {
  return state === 'verified';
}

export function imageById(db: Database, id: string): Image | undefined {
  const row = db.prepare('SELECT * FROM images WHERE id = ?').get(id) as ImageRow | undefined;
  return row && readImage(db, row);
}

/** The image of a row, with its members. */
export function readImage(db: Database, row: ImageRow): Image {
  const members = db
    .prepare(
      'SELECT i.* FROM images i JOIN members m ON m.image = i.id WHERE m."index" = ? ORDER BY m.position',
    )
    .all(row.id) as unknown as ImageRow[];
  return { ...toImage(row), ...(members.length > 0 && { members: members.map(toImage) }) };
}

/**
 * Files images of several platforms as one, an index, which gets the `tags`. Where a single image is needed,
 * `standsFor` (one of them) is it.
 */
export function saveIndex(
  db: Database,
  members: readonly Image[],
  standsFor: Image,
  tags: readonly string[] = [],
): Image {
  const id = hexOf(sha256(canonicalJson({ index: members.map((image) => image.id) })));
  const names = tags.map(normaliseTag);
  const state: ImageState = members.every(isVerified) ? 'verified' : 'warm';
  return transaction(db, () => {
    const { changes } = db
      .prepare(
        `INSERT OR IGNORE INTO images (id, snapshot, root, config, platform, history, created_ms, author, state)
         SELECT ?, snapshot, root, config, platform, history, ?, author, ? FROM images WHERE id = ?`,
      )
      .run(id, Math.max(...members.map(({ createdMs }) => createdMs)), state, standsFor.id);
    const add = db.prepare('INSERT INTO members ("index", position, image) VALUES (?, ?, ?)');
    if (changes > 0) for (const [position, member] of members.entries()) add.run(id, position, member.id);
    for (const name of names) putTag(db, name, id);
    return imageById(db, id) as Image;
  });
}
