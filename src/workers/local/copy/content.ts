/**
 * Content that copies take, scanned once in a process: what its key was made of is what is copied later, and a file
 * that changed in between fails the step. Copies from one folder share its walk, and what was read of its files.
 */
import { basename, join, posix } from 'node:path';
import { canonicalJson, type Digest, sha256 } from '../../../kit/digest.ts';
import { wrongUse } from '../../../kit/errors.ts';
import { typeOfRow } from '../../../kit/file-rows.ts';
import { realpathSync } from '../../../kit/host-files.ts';
import type { Work } from '../../../kit/in-turns.ts';
import { nearest } from '../../../kit/suggest.ts';
import type { Copy, CopySource, InlineFile, SnapshotId } from '../../../plan/index.ts';
import { rememberCopied } from '../../../store/manifests.ts';
import type { Store } from '../../../store/store.ts';
import type { ContentFacts, SnapshotOf } from '../../worker.ts';
import { rememberInline } from './manifests.ts';
import { hasWildcard } from './match-name.ts';
import { type ReadContent, type Scan, scanFolder, scanTree } from './scan.ts';
import { type Pick, selectPath } from './select.ts';
import { type CopyInput, type CopyInputSource, inlineOf, keepsOwners } from './targets.ts';
import { openTree, type Tree } from './tree.ts';

export interface Contents {
  facts(copy: Copy, snapshotOf: SnapshotOf): Work<ContentFacts>;
  input(copy: Copy, snapshotOf: SnapshotOf): Work<CopyInput>;
}

/** What one path of a copy takes: several files or folders where it is a pattern. */
interface Taken {
  pick: Pick;
  host: string;
  scan: Scan;
}

type FolderSource = CopySource & { type: 'folder' };

/** `viewOf` gives a host folder that shows a snapshot. */
export function openContents(store: Store, viewOf: (id: SnapshotId) => string): Contents {
  const roots = new Map<string, string>();
  const trees = new Map<string, Tree>();
  const scans = new Map<string, Scan>();
  const picked = new Map<string, Pick[] | undefined>();
  const memo = new Map<string, ReadContent>();

  const once = <T>(map: Map<string, T>, name: string, make: () => T): T => {
    if (!map.has(name)) map.set(name, make());
    return map.get(name) as T;
  };
  const treeOf = (root: string, ignore: readonly string[] = []) =>
    once(trees, JSON.stringify([root, ignore]), () => openTree(root, ignore));

  /** A scan once for all that ask for it by this name. */
  function* scannedOnce(name: string, scan: () => Work<Scan>): Work<Scan> {
    const known = scans.get(name) ?? (yield* scan());
    scans.set(name, known);
    return known;
  }

  function* fromFolder(copy: Copy, from: FolderSource, path: string): Work<Taken[]> {
    const root = once(roots, from.path, () => realpathSync.native(from.path));
    const inside = relativePath(copy, path, root);
    const tree = treeOf(root, from.ignore);
    const { select } = copy;
    const name = [root, inside, from.ignore ?? [], select ?? null];
    const picks = once(picked, JSON.stringify(name), () => selectPath(tree, inside, select));
    if (picks === undefined) throw notFound(tree, inside);
    const taken: Taken[] = [];
    for (const pick of picks) {
      const host = join(root, pick.top);
      const scanName = JSON.stringify([
        root,
        pick.top,
        from.ignore ?? [],
        keepsOwners(copy),
        ...scanOf(copy, path),
      ]);
      const scan = yield* scannedOnce(scanName, function* () {
        const request = { host, taken: pick.taken, keepsOwner: keepsOwners(copy), memo };
        const made = yield* scanFolder(store.db, scanName, request);
        if (!made.isKnown) rememberCopied(store.db, made.digest, made.summary.manifest);
        return made;
      });
      taken.push({ pick, host, scan });
    }
    return taken;
  }

  function* fromSnapshot(copy: Copy, id: SnapshotId, path: string): Work<Taken[]> {
    const root = viewOf(id);
    const inside = posix.resolve('/', path).slice(1);
    const given = copy.select?.parents ? path : inside;
    const picks = selectPath(treeOf(root), given, copy.select);
    if (picks === undefined) {
      const hint = nearPath(treeOf(root), inside);
      const message = `/${inside} was not found in what is copied from.`;
      throw wrongUse('missing-file', message, hint === undefined ? {} : { hint });
    }
    const taken: Taken[] = [];
    for (const pick of picks) {
      const host = join(root, pick.top);
      const scanName = JSON.stringify([id, pick.top, ...scanOf(copy, path)]);
      const scan = yield* scannedOnce(scanName, function* () {
        const made = yield* scanTree(store.db, { host, taken: pick.taken, keepsOwner: true, memo });
        rememberCopied(store.db, made.digest, made.summary.manifest);
        return made;
      });
      taken.push({ pick, host, scan });
    }
    return taken;
  }

  /** Digest of what a path takes of a snapshot, which never changes: kept in the database. */
  function* snapshotDigest(copy: Copy, id: SnapshotId, path: string): Work<Digest> {
    const selection = copy.select === undefined ? path : canonicalJson([path, copy.select]);
    const known = store.db
      .prepare('SELECT digest FROM contents WHERE snapshot = ? AND selection = ?')
      .get(id, selection) as { digest: Digest } | undefined;
    if (known) return known.digest;
    const taken = yield* fromSnapshot(copy, id, path);
    const [only] = taken;
    const digest =
      only !== undefined && taken.length === 1 && !hasWildcard(path)
        ? only.scan.digest
        : sha256(canonicalJson(taken.map(({ pick, scan }) => [pick.name, scan.digest])));
    store.db
      .prepare('INSERT OR REPLACE INTO contents (snapshot, selection, digest) VALUES (?, ?, ?)')
      .run(id, selection, digest);
    return digest;
  }

  return {
    *facts(copy, snapshotOf) {
      const { from } = copy;
      if (from.type === 'inline') return inlineFacts(store, from.files);
      const facts: [path: string, digest: Digest][] = [];
      for (const path of copy.paths) {
        if (from.type === 'step')
          facts.push([path, yield* snapshotDigest(copy, snapshotOf(from.step), path)]);
        else
          for (const { pick, scan } of yield* fromFolder(copy, from, path))
            facts.push([shownPath(path, pick), scan.digest]);
      }
      return Object.fromEntries(facts);
    },
    *input(copy, snapshotOf) {
      const { from } = copy;
      if (from.type === 'inline') return { copy, sources: [], inline: from.files.map(inlineOf) };
      const sources: CopyInputSource[] = [];
      for (const path of copy.paths) {
        const taken =
          from.type === 'step'
            ? yield* fromSnapshot(copy, snapshotOf(from.step), path)
            : yield* fromFolder(copy, from, path);
        for (const { pick, host, scan } of taken)
          sources.push({ host, name: pick.name || basename(host), scan, taken: pick.taken });
      }
      return { copy, sources, inline: [] };
    },
  };
}

/** What of a copy, besides the place, decides which entries are listed. */
function scanOf({ select }: Copy, path: string): unknown[] {
  if (select === undefined) return [];
  return [select.exclude ?? [], select.parents ? path : ''];
}

/** The path as it was given, or what a pattern found. */
function shownPath(path: string, pick: Pick): string {
  return hasWildcard(path) ? pick.top : path;
}

function relativePath(copy: Copy, path: string, root: string): string {
  if (copy.select !== undefined) {
    // As if the folder were the root: `..` stops there.
    return copy.select.parents ? path : posix.resolve('/', path).slice(1);
  }
  const relative = posix.normalize(path) === '.' ? '' : posix.normalize(path).replace(/\/$/, '');
  if (relative === '..' || relative.startsWith('../') || relative.startsWith('/')) throw leaves(path, root);
  return insidePath(root, relative, path);
}

function inlineFacts(store: Store, files: readonly InlineFile[]): ContentFacts {
  return Object.fromEntries(
    files.map((file) => {
      const digest = sha256(canonicalJson([file.mode, file.data]));
      rememberInline(store.db, digest, file);
      return [file.path, digest];
    }),
  );
}

/** The path with links on the way followed; these must not lead out of the folder. */
function insidePath(root: string, relative: string, path: string): string {
  let folder: string;
  try {
    folder = realpathSync.native(join(root, posix.dirname(relative || '.')));
  } catch (error) {
    throw wrongUse('missing-file', `${path} was not found in ${root}.`, { cause: error });
  }
  if (relative === '') return '';
  const top = root === '/' ? '/' : `${root}/`;
  if (folder === root) return posix.basename(relative);
  if (!folder.startsWith(top)) throw leaves(path, root);
  return `${folder.slice(top.length)}/${posix.basename(relative)}`;
}

function notFound(tree: Tree, path: string) {
  if (tree.leavesOut(path))
    return wrongUse('ignored-file', `${path} is left out of ${tree.root} by its ignore file.`, {
      hint: `Take it back there with a line \`!${path}\`.`,
    });
  const hint = nearPath(tree, path);
  const message = `${path || tree.root} was not found${path ? ` in ${tree.root}` : ''}.`;
  return wrongUse('missing-file', message, hint === undefined ? {} : { hint });
}

/** Of a path that isn't there: the first name that is missing, and the nearest that is in its folder. */
function nearPath(tree: Tree, path: string): string | undefined {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  for (const [index, name] of names.entries()) {
    const before = names.slice(0, index).join('/');
    if (tree.find([...names.slice(0, index), name].join('/')) !== undefined) continue;
    const folder = tree.find(before);
    if (folder === undefined || typeOfRow(folder.row) !== 'directory') return undefined;
    const meant = nearest(name, tree.content(folder).names());
    if (meant === undefined) return undefined;
    const whole = [...names.slice(0, index), meant, ...names.slice(index + 1)].join('/');
    return `Did you mean ${tree.find(whole) === undefined ? [...names.slice(0, index), meant].join('/') : whole}?`;
  }
  return undefined;
}

function leaves(path: string, root: string) {
  return wrongUse('leaves-folder', `The path ${path} leads out of ${root}.`, {
    hint: 'Only what is below that folder can be copied; name another folder as the source.',
  });
}
