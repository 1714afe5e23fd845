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
  const values = settingsIn(file.data);
  if (values === undefined || values.size === 0) return;
  const entries = [...values]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) =>
      encodeLine({
        name: `setting ${name}`,
        type: 'file',
        mode: 0,
        uid: 0,
        gid: 0,
        mtime: '0',
        digest: hexOf(sha256(value)),
      }),
    );
  const { summary, text } = summarise(entries, [], false);
  transaction(db, () => {
    writeManifests(db, new Map([[summary.manifest, text]]));
    rememberCopied(db, digest, summary.manifest);
  });
}

/** One assignment to the end of its line, its value as it is written: quotes may hold line breaks. */
const assignment =
  /(?:export )?([A-Za-z_]\w*)=((?:\$'(?:[^'\\]|\\[\s\S])*'|'[^']*'|"(?:[^"\\]|\\[\s\S])*"|\\[\s\S]|(?!\$')[^'"\\\n])*)(?:\n|$)/y;
const comment = /[ \t]*(?:#[^\n]*)?(?:\n|$)/y;

/** Values by name; undefined for a file that holds anything else. */
function settingsIn(text: string): Map<string, string> | undefined {
  const values = new Map<string, string>();
  for (let at = 0; at < text.length; ) {
    assignment.lastIndex = at;
    comment.lastIndex = at;
    const [whole, name, value = ''] = assignment.exec(text) ?? comment.exec(text) ?? [];
    if (whole === undefined) return undefined;
    if (name !== undefined) values.set(name, value);
    at += whole.length;
  }
  return values;
}
