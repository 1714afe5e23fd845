/** What the store remembers of registries: manifests, what names stood for, forms of layers, and who has which blob. */
import type { Digest } from '../../kit/digest.ts';
import type { Platform } from '../../plan/index.ts';
import { type Database, transaction } from '../../store/database.ts';
import { formatReference, type Reference } from '../references.ts';
import { platformText } from '../sources/platform.ts';

/** A manifest or an index, byte for byte. */
export interface RawManifest {
  digest: Digest;
  mediaType: string;
  bytes: Buffer;
}

export interface KnownManifest extends RawManifest {
  /** `docker.io/library/debian`. */
  repository: string;
  config: Buffer;
}

export interface KnownName {
  /** Of the index, where the name leads to one. */
  top: Digest;
  manifest: Digest;
  askedMs: number;
}

export function findName(db: Database, name: string, platform: Platform): KnownName | undefined {
  const row = db
    .prepare('SELECT top, manifest, asked_ms AS askedMs FROM registry_names WHERE name = ? AND platform = ?')
    .get(name, platformText(platform));
  return row as KnownName | undefined;
}

export function findManifest(db: Database, digest: Digest): KnownManifest | undefined {
  const row = db
    .prepare(
      'SELECT digest, media_type AS mediaType, repository, manifest, config FROM registry_manifests WHERE digest = ?',
    )
    .get(digest) as
    | (Omit<KnownManifest, 'bytes' | 'config'> & { manifest: Uint8Array; config: Uint8Array })
    | undefined;
  if (row === undefined) return undefined;
  const { manifest, config, ...rest } = row;
  return { ...rest, bytes: Buffer.from(manifest), config: Buffer.from(config) };
}

/** What the name stands for as far as the store knows. With `pull` that counts only when this process asked for it. */
export function rememberedManifest(
  db: Database,
  { reference, platform, pull = false }: { reference: Reference; platform: Platform; pull?: boolean },
): KnownManifest | undefined {
  const known = findName(db, formatReference(reference), platform);
  // What a digest names never changes.
  const isFresh = () => reference.digest !== undefined || (known?.askedMs ?? 0) >= performance.timeOrigin;
  return known && (!pull || isFresh()) ? findManifest(db, known.manifest) : undefined;
}

/** Notes what `name` stands for, as of now. */
export function rememberName(
  db: Database,
  name: string,
  platform: Platform,
  { top, manifest }: { top: Digest; manifest: KnownManifest },
): void {
  transaction(db, () => {
    rememberManifest(db, manifest);
    db.prepare(
      'INSERT OR REPLACE INTO registry_names (name, platform, top, manifest, asked_ms) VALUES (?, ?, ?, ?, ?)',
    ).run(name, platformText(platform), top, manifest.digest, Date.now());
  });
}

function rememberManifest(
  db: Database,
  { digest, mediaType, repository, bytes, config }: KnownManifest,
): void {
  db.prepare(
    `INSERT INTO registry_manifests (digest, media_type, repository, manifest, config) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (digest) DO UPDATE SET repository = excluded.repository`,
  ).run(digest, mediaType, repository, bytes, config);
}

/** A layer's form in registries. */
export interface PackedLayer {
  digest: Digest;
  mediaType: string;
  size: number;
}

export function packedForms(db: Database, diffId: Digest): PackedLayer[] {
  return db
    .prepare('SELECT digest, media_type AS mediaType, size FROM packed_layers WHERE diff_id = ?')
    .all(diffId) as unknown as PackedLayer[];
}

export function rememberForm(db: Database, diffId: Digest, { digest, mediaType, size }: PackedLayer): void {
  db.prepare(
    'INSERT OR REPLACE INTO packed_layers (diff_id, digest, media_type, size) VALUES (?, ?, ?, ?)',
  ).run(diffId, digest, mediaType, size);
}

/** Notes that the repository has the blobs. */
export function rememberBlobs(db: Database, repository: string, digests: readonly Digest[]): void {
  const insert = db.prepare(
    'INSERT OR REPLACE INTO repository_blobs (digest, repository, seen_ms) VALUES (?, ?, ?)',
  );
  transaction(db, () => {
    for (const digest of digests) insert.run(digest, repository, Date.now());
  });
}

/** Takes back what was noted of a repository: it has forgotten some of it. */
export function forgetBlobs(db: Database, repository: string): void {
  db.prepare('DELETE FROM repository_blobs WHERE repository = ?').run(repository);
}

/** Repositories that have the blob, the last seen first. */
export function repositoriesWith(db: Database, digest: Digest): string[] {
  return db
    .prepare('SELECT repository FROM repository_blobs WHERE digest = ? ORDER BY seen_ms DESC LIMIT 20')
    .all(digest)
    .map((row) => (row as { repository: string }).repository);
}
