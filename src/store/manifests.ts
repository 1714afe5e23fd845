/**
 * Manifests: what copies took, folder by folder. The manifest of a folder is text, a line an entry in order of names, filed
 * under its own digest; the line of a folder in it names the manifest of that folder. So an edit makes new manifests on
 * its path only, and a comparison reads only those that differ. What a copy took as a whole is a manifest of one line,
 * whose entry has no name.
 */
import { hash } from 'node:crypto';
import type { EntryType } from '../kit/tree.ts';
import { joinPath } from '../kit/walk.ts';
import { type Database, prepared } from './database.ts';

/** An entry of a copy, as it was scanned. */
export interface Listed {
  /** Relative to what was copied; `''` is that itself. */
  path: string;
  type: EntryType;
  /** 07777; 0 for a symlink, which has none. */
  mode: number;
  uid: number;
  gid: number;
  /** Nanoseconds, as decimal text. */
  mtime: string;
  link?: string;
  device?: { major: number; minor: number };
  /** By name; values in base64. */
  xattrs?: Record<string, string>;
  /** 64 hex digits of SHA-256 over a file's content. */
  digest?: string;
  /** First path of the copy with the same inode, for a file with hard links. */
  sameAs?: string;
}

/** What stands for a folder and all below it. Digests are 64 hex digits of SHA-256. */
export interface Summary {
  /** Of the manifest: equal for two folders exactly when copies of them are equal. */
  manifest: string;
  /**
   * Of the manifest without times, which never enter a key: a fresh clone of the same sources is the same input.
   */
  content: string;
  /** Entries in it and below it. */
  count: number;
  /** Some of them are names of one inode. */
  hasLinks: boolean;
}

/** An entry with a name instead of a path, and, for a folder, what is in it. */
export type NamedEntry = Omit<Listed, 'path'> & { name: string; inner?: Summary };

/** What comes after it in a line is left out of the content's digest; JSON has none in its text. */
const separator = '\t';

export function encodeLine(entry: NamedEntry): string {
  const { name, type, mode, uid, gid, mtime, inner, sameAs, xattrs } = entry;
  const content =
    entry.digest ??
    entry.link ??
    inner?.content ??
    (entry.device ? `${entry.device.major}:${entry.device.minor}` : '');
  const rest = sameAs === undefined && xattrs === undefined ? [] : [sameAs ?? '', xattrs ?? {}];
  const told = JSON.stringify([name, type, mode, uid, gid, content, ...rest]);
  const below = inner ? ` ${inner.manifest} ${inner.count} ${inner.hasLinks ? 1 : 0}` : '';
  return `${told}${separator}${mtime}${below}`;
}

export function decodeLine(line: string): NamedEntry {
  const at = line.indexOf(separator);
  const [name, type, mode, uid, gid, content, sameAs, xattrs] = JSON.parse(line.slice(0, at)) as [
    ...[string, EntryType, number, number, number, string],
    ...[string?, Record<string, string>?],
  ];
  const [mtime = '0', manifest = '', count, links] = line.slice(at + 1).split(' ');
  const entry: NamedEntry = { name, type, mode, uid, gid, mtime };
  if (type === 'file') entry.digest = content;
  else if (type === 'symlink') entry.link = content;
  else if (type === 'char' || type === 'block') {
    const [major = 0, minor = 0] = content.split(':').map(Number);
    entry.device = { major, minor };
  } else if (type === 'directory')
    entry.inner = { manifest, content, count: Number(count), hasLinks: links === '1' };
  if (sameAs) entry.sameAs = sameAs;
  if (xattrs && Object.keys(xattrs).length > 0) entry.xattrs = xattrs;
  return entry;
}

/** `lines` in order of names; `inners` are what its folders hold. */
export function summarise(
  lines: readonly string[],
  inners: Iterable<Summary>,
  hasLinks: boolean,
): { summary: Summary; text: string } {
  const text = lines.join('\n');
  const summary: Summary = {
    manifest: hash('sha256', text),
    content: hash('sha256', lines.map(contentPart).join('\n')),
    count: lines.length,
    hasLinks,
  };
  for (const inner of inners) {
    summary.count += inner.count;
    summary.hasLinks ||= inner.hasLinks;
  }
  return { summary, text };
}

function contentPart(line: string): string {
  return line.slice(0, line.indexOf(separator));
}

/** Files manifests under their digests. */
export function writeManifests(db: Database, texts: ReadonlyMap<string, string>): void {
  const insert = db.prepare(
    `INSERT INTO manifests (digest, data, last_used_ms) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET last_used_ms = excluded.last_used_ms`,
  );
  const now = Date.now();
  for (const [digest, text] of texts) insert.run(digest, text, now);
}

/** Lines of a manifest; undefined when it is not in the store. */
export function readManifest(db: Database, digest: string): string[] | undefined {
  const row = db.prepare('SELECT data FROM manifests WHERE digest = ?').get(digest) as
    | { data: string }
    | undefined;
  return row && (row.data === '' ? [] : row.data.split('\n'));
}

/** Remembers that `digest`, of content that a copy takes and that enters keys, stands for this manifest. */
export function rememberCopied(db: Database, digest: string, manifest: string): void {
  db.prepare('INSERT OR IGNORE INTO copied (digest, manifest) VALUES (?, ?)').run(digest, manifest);
}

/** The manifest that a digest in a key stands for. */
export function copiedManifest(db: Database, digest: string): string | undefined {
  const row = prepared(db, 'SELECT manifest FROM copied WHERE digest = ?').get(digest) as
    | { manifest: string }
    | undefined;
  return row?.manifest;
}

function neededManifest(db: Database, digest: string | undefined): string[] {
  if (digest === undefined) return [];
  const lines = readManifest(db, digest);
  if (lines === undefined) throw new Error(`manifest ${digest} is not in the store`);
  return lines;
}

/** All entries of a tree, each folder right before its content. */
export function* readTree(db: Database, manifest: string, folder = ''): Generator<Listed> {
  for (const line of neededManifest(db, manifest)) {
    const entry = decodeLine(line);
    const listed = listedOf(entry, folder);
    yield listed;
    if (entry.inner) yield* readTree(db, entry.inner.manifest, listed.path);
  }
}

/** The entry of a manifest of `folder`. */
export function listedOf({ name, inner: _, ...entry }: NamedEntry, folder: string): Listed {
  return { path: joinPath(folder, name), ...entry };
}

/** A path at which two trees differ: what each has there. */
export interface TreeDifference {
  path: string;
  before?: Listed;
  after?: Listed;
}

/**
 * How the tree `after` differs from the tree `before`, each named by its manifest; a folder comes before what is in it. Manifests of equal folders
 * are not read. `by: 'content'` looks away from times.
 */
export function diffTrees(
  db: Database,
  before: string,
  after: string,
  by: 'all' | 'content' = 'all',
): Generator<TreeDifference> {
  return diffFolders(db, { before, after }, '', by === 'all' ? (line) => line : contentPart);
}

type Compared = (line: string) => string;

function* diffFolders(
  db: Database,
  { before, after }: { before?: string | undefined; after?: string | undefined },
  folder: string,
  compared: Compared,
): Generator<TreeDifference> {
  if (before === after) return;
  const differing = withoutCommon(neededManifest(db, before), neededManifest(db, after), compared);
  const old = new Map(
    differing.before.map((line) => {
      const entry = decodeLine(line);
      return [entry.name, { line, entry }];
    }),
  );
  const pairs: { was?: NamedEntry; is?: NamedEntry }[] = [];
  for (const line of differing.after) {
    const is = decodeLine(line);
    const was = old.get(is.name);
    old.delete(is.name);
    if (was === undefined) pairs.push({ is });
    else if (compared(was.line) !== compared(line)) pairs.push({ was: was.entry, is });
  }
  for (const { entry } of old.values()) pairs.push({ was: entry });
  for (const { was, is } of pairs) {
    const difference: TreeDifference = { path: joinPath(folder, (is ?? was)?.name ?? '') };
    if (was) difference.before = listedOf(was, folder);
    if (is) difference.after = listedOf(is, folder);
    // That something below it differs is no difference of a folder itself.
    if (!was || !is || compared(ownLine(was)) !== compared(ownLine(is))) yield difference;
    yield* diffFolders(
      db,
      { before: was?.inner?.manifest, after: is?.inner?.manifest },
      difference.path,
      compared,
    );
  }
}

function ownLine({ inner: _, ...entry }: NamedEntry): string {
  return encodeLine(entry);
}

/** The lines from the first to the last that differ: few of many thousand are then read. */
function withoutCommon(before: readonly string[], after: readonly string[], compared: Compared) {
  const same = (left: string | undefined, right: string | undefined) =>
    left !== undefined && right !== undefined && (left === right || compared(left) === compared(right));
  let start = 0;
  while (same(before[start], after[start])) start += 1;
  let fromEnd = 0;
  const most = Math.min(before.length, after.length) - start;
  while (fromEnd < most && same(before.at(-1 - fromEnd), after.at(-1 - fromEnd))) fromEnd += 1;
  return {
    before: before.slice(start, before.length - fromEnd),
    after: after.slice(start, after.length - fromEnd),
  };
}
