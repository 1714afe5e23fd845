/** Keeps what a copy takes, entry by entry, so that a reader can be told which file or setting changed. */
import { constants, deflateSync } from 'node:zlib';
import { sha256 } from '../../../kit/digest.ts';
import type { InlineFile } from '../../../plan/index.ts';
import type { Database } from '../../../store/database.ts';
import type { Listed } from './listing.ts';

/** Entries of one copied path: path → type, mode and content in short. */
type Manifest = Record<string, string>;

/** Remembers a listing of `path` of a copy by the digest of its content. */
export function rememberListing(
  db: Database,
  digest: string,
  path: string,
  listing: () => readonly Listed[],
): void {
  remember(db, digest, () => listingManifest(listing(), path));
}

export function rememberInline(db: Database, digest: string, file: InlineFile): void {
  remember(db, digest, () => settingsManifest(file));
}

function remember(db: Database, digest: string, make: () => Manifest | undefined): void {
  if (db.prepare('SELECT 1 FROM manifests WHERE digest = ?').get(digest) !== undefined) return;
  const manifest = make();
  if (manifest === undefined) return;
  const data = deflateSync(JSON.stringify(manifest), { level: constants.Z_BEST_SPEED });
  db.prepare('INSERT OR IGNORE INTO manifests (digest, data, last_used_ms) VALUES (?, ?, ?)').run(
    digest,
    data,
    Date.now(),
  );
}

function listingManifest(listing: readonly Listed[], path: string): Manifest {
  const folder = path === '.' || path === '' ? '' : `${path.replace(/\/$/, '')}/`;
  return Object.fromEntries(
    listing.map((entry) => [
      entry.path === '' ? path : folder + entry.path,
      [entry.type, entry.mode.toString(8), entry.digest?.slice(0, 12) ?? entry.link ?? ''].join(' ').trim(),
    ]),
  );
}

/** Of a file of `name=value` lines, each setting by the digest of its value: a value may be private. */
function settingsManifest(file: InlineFile): Manifest | undefined {
  const lines = file.data.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const settings = lines.map((line) => /^(?:export )?(?<name>[A-Za-z_]\w*)=(?<value>.*)$/.exec(line)?.groups);
  if (settings.length === 0 || settings.some((setting) => setting === undefined)) return undefined;
  return Object.fromEntries(
    settings.map((setting) => [
      `setting ${setting?.['name']}`,
      sha256(setting?.['value'] ?? '').slice(7, 19),
    ]),
  );
}
