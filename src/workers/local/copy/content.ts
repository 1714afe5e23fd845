/**
 * Content that copies take, scanned once in a process: what its key was made of is what is copied later, and a file
 * that changed in between fails the step.
 */

import { realpathSync } from 'node:fs';
import { basename, join, posix } from 'node:path';
import { canonicalJson, type Digest, sha256 } from '../../../kit/digest.ts';
import { wrongUse } from '../../../kit/errors.ts';
import type { Copy, InlineFile, SnapshotId } from '../../../plan/index.ts';
import type { Store } from '../../../store/store.ts';
import type { ContentFacts, SnapshotOf } from '../../worker.ts';
import { rememberInline, rememberListing } from './manifests.ts';
import { type Scan, scanFolder, scanTree } from './scan.ts';
import { type CopyInput, keepsOwners } from './targets.ts';

export interface Contents {
  facts(copy: Copy, snapshotOf: SnapshotOf): ContentFacts;
  input(copy: Copy, snapshotOf: SnapshotOf): CopyInput;
}

/** `viewOf` gives a host folder that shows a snapshot. */
export function openContents(store: Store, viewOf: (id: SnapshotId) => string): Contents {
  const scans = new Map<string, Scan>();
  const scanned = (name: string, path: string, make: () => Scan): Scan => {
    const known = scans.get(name);
    if (known) return known;
    const scan = make();
    scans.set(name, scan);
    if (!scan.isKnown) rememberListing(store.db, scan.digest, path, scan.listing);
    return scan;
  };

  const fromFolder = (copy: Copy & { from: { type: 'folder' } }, path: string) => {
    const root = realpathSync(copy.from.path);
    const relative = posix.normalize(path) === '.' ? '' : posix.normalize(path).replace(/\/$/, '');
    if (relative === '..' || relative.startsWith('../') || relative.startsWith('/')) throw leaves(path, root);
    checkInside(root, relative, path);
    const ignore = copy.from.ignore ?? [];
    const scan = scanned(JSON.stringify([root, relative, ignore, keepsOwners(copy)]), path, () =>
      scanFolder(store.db, { root, path: relative, ignore, keepsOwner: keepsOwners(copy) }),
    );
    return { host: join(root, relative), name: basename(relative || root), scan };
  };

  const fromSnapshot = (id: SnapshotId, path: string) => {
    const root = viewOf(id);
    const relative = posix.resolve('/', path).slice(1);
    const scan = scanned(`${id}\0${relative}`, path, () =>
      scanTree({ root, path: relative, keepsOwner: true }),
    );
    return { host: join(root, relative), name: basename(relative), scan };
  };

  /** Digest of a path of a snapshot, which never changes: kept in the database. */
  const snapshotDigest = (id: SnapshotId, path: string): Digest => {
    const known = store.db
      .prepare('SELECT digest FROM contents WHERE snapshot = ? AND selection = ?')
      .get(id, path) as { digest: Digest } | undefined;
    if (known) return known.digest;
    const { digest } = fromSnapshot(id, path).scan;
    store.db
      .prepare('INSERT OR REPLACE INTO contents (snapshot, selection, digest) VALUES (?, ?, ?)')
      .run(id, path, digest);
    return digest;
  };

  return {
    facts(copy, snapshotOf) {
      const { from } = copy;
      if (from.type === 'inline') return inlineFacts(store, from.files);
      return Object.fromEntries(
        copy.paths.map((path) => [
          path,
          from.type === 'step'
            ? snapshotDigest(snapshotOf(from.step), path)
            : fromFolder(copy as Copy & { from: { type: 'folder' } }, path).scan.digest,
        ]),
      );
    },
    input(copy, snapshotOf) {
      const { from } = copy;
      if (from.type === 'inline') return { copy, sources: [] };
      const sources = copy.paths.map((path) => {
        const { host, name, scan } =
          from.type === 'step'
            ? fromSnapshot(snapshotOf(from.step), path)
            : fromFolder(copy as Copy & { from: { type: 'folder' } }, path);
        return { host, name, listing: scan.listing() };
      });
      return { copy, sources };
    },
  };
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

/** A symlink on the way to a source must not lead out of its folder. */
function checkInside(root: string, relative: string, path: string): void {
  let folder: string;
  try {
    folder = realpathSync(join(root, posix.dirname(relative || '.')));
  } catch (error) {
    throw wrongUse('missing-file', `${path} was not found in ${root}.`, { cause: error });
  }
  if (folder !== root && !folder.startsWith(root === '/' ? '/' : `${root}/`)) throw leaves(path, root);
}

function leaves(path: string, root: string) {
  return wrongUse('leaves-folder', `The path ${path} leads out of ${root}.`, {
    hint: 'Only what is below that folder can be copied; name another folder as the source.',
  });
}
