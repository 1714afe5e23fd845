/** The images of the store by what people call them: tags, ids, digests. */
import { wrongUse } from '../kit/errors.ts';
import { type Database, transaction } from '../store/database.ts';
import { type Image, type ImageRow, putTag, readImage, type TaggedImage } from './records.ts';
import { normaliseTag, parseReference, shortName } from './references.ts';

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
