/** Keeps what the digests of copied content stand for, so that a reader can be told which file or setting changed. */
import { hexOf, sha256 } from '../../../kit/digest.ts';
import type { InlineFile } from '../../../plan/index.ts';
import { type Database, transaction } from '../../../store/database.ts';
import {
  copiedManifest,
  encodeLine,
  rememberCopied,
  summarise,
  writeManifests,
} from '../../../store/manifests.ts';

/** Of a file of `name=value` lines, each setting by the digest of its value: a value may be private. */
export function rememberInline(db: Database, digest: string, file: InlineFile): void {
  if (copiedManifest(db, digest) !== undefined) return;
  const lines = file.data.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const settings = lines.map((line) => /^(?:export )?(?<name>[A-Za-z_]\w*)=(?<value>.*)$/.exec(line)?.groups);
  if (settings.length === 0 || settings.some((setting) => setting === undefined)) return;
  const values = new Map(
    settings.map((setting) => [`setting ${setting?.['name']}`, setting?.['value'] ?? '']),
  );
  const entries = [...values]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) =>
      encodeLine({ name, type: 'file', mode: 0, uid: 0, gid: 0, mtime: '0', digest: hexOf(sha256(value)) }),
    );
  const { summary, text } = summarise(entries, [], false);
  transaction(db, () => {
    writeManifests(db, new Map([[summary.manifest, text]]));
    rememberCopied(db, digest, summary.manifest);
  });
}
