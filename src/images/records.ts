/** Images and their tags in the database. */
import { canonicalJson, type Digest, hexOf, sha256 } from '../kit/digest.ts';
import { wrongUse } from '../kit/errors.ts';
import type { ImageConfig, Platform, SnapshotId } from '../plan/index.ts';
import { type Database, transaction } from '../store/database.ts';
import { normaliseTag, parseReference, shortName } from './references.ts';

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

interface ImageRow {
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
  const id = hexOf(sha256(canonicalJson({ ...record, ...(createdMs === undefined ? {} : { createdMs }) })));
  const names = tags.map(normaliseTag);
  return transaction(db, () => {
    db.prepare(
      `INSERT OR IGNORE INTO images (id, snapshot, root, config, platform, history, created_ms, author, state)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      id,
      record.snapshot,
      record.root,
      JSON.stringify(record.config),
      JSON.stringify(record.platform),
      JSON.stringify(record.history),
      createdMs ?? Date.now(),
      record.author ?? null,
      state,
    );
    if (state === 'verified') setVerified(db, id);
    for (const name of names) putTag(db, name, id);
    return imageById(db, id) as Image;
  });
}

/** Notes that a clean build gives the same image. */
export function setVerified(db: Database, id: string): void {
  db.prepare("UPDATE images SET state = 'verified' WHERE id = ?").run(id);
}

/** Gives the name to an image. What a registry said of the name no longer counts. */
function putTag(db: Database, name: string, id: string): void {
  db.prepare('DELETE FROM registry_names WHERE name = ?').run(name);
  tagFromRegistry(db, name, id);
}

/** The same (for a normalised name) where a registry said so. */
export function tagFromRegistry(db: Database, name: string, id: string): void {
  db.prepare('INSERT OR REPLACE INTO tags (name, image, updated_ms) VALUES (?, ?, ?)').run(
    name,
    id,
    Date.now(),
  );
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

function readImage(db: Database, row: ImageRow): Image {
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

/** Normalised tags of an image, sorted. */
export function tagsOf(db: Database, id: string): string[] {
  return db
    .prepare('SELECT name FROM tags WHERE image = ? ORDER BY name')
    .all(id)
    .map((row) => (row as { name: string }).name);
}

/** The image that a tag, an id (six digits or more of it), or a digest names. Throws when several have that id. */
export function findImage(db: Database, name: string): Image | undefined {
  const byTag = findByTag(db, name);
  if (byTag) return byTag;
  const hex = /^(?:sha256:)?([0-9a-f]{6,64})$/.exec(name)?.[1];
  const digest = /@(sha256:[0-9a-f]{64})$/.exec(name)?.[1] ?? `sha256:${hex}`;
  const rows = db
    .prepare(
      'SELECT * FROM images WHERE manifest = ? OR origin = ? OR (? IS NOT NULL AND substr(id, 1, length(?)) = ?)',
    )
    .all(digest, digest, hex ?? null, hex ?? '', hex ?? '') as unknown as ImageRow[];
  if (rows.length > 1 && new Set(rows.map((row) => row.manifest ?? row.id)).size > 1) {
    throw wrongUse('ambiguous-image', `\`${name}\` begins the ids of ${rows.length} images.`, {
      hint: `Write more of it: ${rows.map((row) => row.id.slice(0, 16)).join(', ')}`,
    });
  }
  return rows[0] && readImage(db, rows[0]);
}

function findByTag(db: Database, name: string): Image | undefined {
  let tag: string;
  try {
    const reference = parseReference(name);
    if (reference.digest !== undefined || reference.tag === undefined) return undefined;
    tag = normaliseTag(name);
  } catch {
    // Not a name; it may still be an id.
    return undefined;
  }
  const row = db
    .prepare('SELECT i.* FROM images i JOIN tags t ON t.image = i.id WHERE t.name = ?')
    .get(tag) as ImageRow | undefined;
  return row && readImage(db, row);
}

/** As `findImage`; throws `unknown-image` with the tags there are. */
export function requireImage(db: Database, name: string): Image {
  const image = findImage(db, name);
  if (image) return image;
  const tags = db
    .prepare('SELECT name FROM tags ORDER BY updated_ms DESC LIMIT 5')
    .all()
    .map((row) => shortName((row as { name: string }).name));
  throw wrongUse('unknown-image', `The store has no image \`${name}\`.`, {
    hint:
      tags.length > 0
        ? `It has ${tags.join(', ')}; all are shown by \`cambium image ls\`.`
        : 'It has none yet: `cambium build -t NAME` makes one.',
  });
}

/** All images, the newest first; those without a tag only when `all`. */
export function listImages(db: Database, all = false): TaggedImage[] {
  const rows = db.prepare('SELECT * FROM images ORDER BY created_ms DESC, id').all() as unknown as ImageRow[];
  const tagged = rows.map((row) => ({ ...readImage(db, row), tags: tagsOf(db, row.id) }));
  return all ? tagged : tagged.filter((image) => image.tags.length > 0);
}

/** Gives the image that `name` means another tag, taking it from whichever had it. */
export function tagImage(db: Database, name: string, tag: string): void {
  const image = requireImage(db, name);
  putTag(db, normaliseTag(tag), image.id);
}

/**
 * `image rm`: a tag goes, and the image with its last one; by id or digest the image goes, if it has one tag at most or
 * `force`. Snapshots stay in the cache until it is pruned.
 */
export function removeImage(
  db: Database,
  name: string,
  force = false,
): { untagged: string[]; deleted?: string } {
  return transaction(db, () => {
    const image = requireImage(db, name);
    const tags = tagsOf(db, image.id);
    const byTag = findByTag(db, name) !== undefined;
    if (!byTag && tags.length > 1 && !force) {
      throw wrongUse(
        'image-has-tags',
        `The image ${image.id.slice(0, 12)} has ${tags.length} tags: ${tags.map(shortName).join(', ')}.`,
        {
          hint: 'Remove them by name, or use --force.',
        },
      );
    }
    const untagged = byTag ? [normaliseTag(name)] : tags;
    for (const tag of untagged) db.prepare('DELETE FROM tags WHERE name = ?').run(tag);
    if (tags.length > untagged.length) return { untagged };
    if (byTag && indexesWith(db, image.id).length > 0) return { untagged };
    checkFree(db, image);
    db.prepare('DELETE FROM images WHERE id = ?').run(image.id);
    for (const { id } of image.members ?? [])
      if (isUnused(db, id)) db.prepare('DELETE FROM images WHERE id = ?').run(id);
    return { untagged, deleted: image.id };
  });
}

function checkFree(db: Database, { id }: Image): void {
  const index = indexesWith(db, id)[0];
  if (index === undefined) return;
  const name = tagsOf(db, index).map(shortName)[0] ?? index.slice(0, 12);
  throw wrongUse('image-in-use', `The image ${id.slice(0, 12)} is one of the platforms of ${name}.`, {
    hint: `Remove that one: cambium image rm ${name}`,
  });
}

function isUnused(db: Database, id: string): boolean {
  return tagsOf(db, id).length === 0 && indexesWith(db, id).length === 0;
}

function indexesWith(db: Database, id: string): string[] {
  const rows = db.prepare('SELECT "index" AS id FROM members WHERE image = ?').all(id) as { id: string }[];
  return rows.map((row) => row.id);
}
