/** Keeps what a copy took, entry by entry, so that `explain` can name the file or the setting that changed. */
import { constants, deflateSync } from 'node:zlib';
import { sha256 } from '../../../kit/digest.ts';
import type { Store } from '../../../store/store.ts';
import type { StepTask } from '../../worker.ts';
import type { Contents } from './content.ts';
import type { Copy, InlineFile } from '../../../plan/index.ts';
import type { Listed } from './listing.ts';

/** Entries of one copied path: path → type, mode and content in short. */
type Manifest = Record<string, string>;

export function rememberManifests(store: Store, contents: Contents, copy: Copy, snapshotOf: StepTask['snapshotOf']): void {
  const insert = store.db.prepare('INSERT OR IGNORE INTO manifests (digest, data, last_used_ms) VALUES (?, ?, ?)');
  const has = store.db.prepare('SELECT 1 FROM manifests WHERE digest = ?');
  const facts = contents.facts(copy, snapshotOf);
  const input = contents.input(copy, snapshotOf);
  for (const [index, [path, digest]] of Object.entries(facts).entries()) {
    if (has.get(digest) !== undefined) continue;
    const manifest =
      copy.from.type === 'inline'
        ? settingsManifest(copy.from.files.find((file) => file.path === path) as InlineFile)
        : listingManifest(input.sources[index]?.listing ?? [], path);
    if (manifest) insert.run(digest, deflateSync(JSON.stringify(manifest), { level: constants.Z_BEST_SPEED }), Date.now());
  }
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
    settings.map((setting) => [`setting ${setting?.['name']}`, sha256(setting?.['value'] ?? '').slice(7, 19)]),
  );
}
