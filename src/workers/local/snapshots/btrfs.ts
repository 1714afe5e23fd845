/**
 * Snapshots as btrfs subvolumes: each holds the whole tree, shares its blocks with its parent, and is never written to once
 * committed. What changed is read from the stream of `btrfs send --no-data`, whose cost follows the change.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSubvolume, makeReadOnly, removeSubvolume, snapshotSubvolume } from '../../../kit/btrfs.ts';
import { outside } from '../../../kit/errors.ts';
import { removeAll } from '../../../kit/remove.ts';
import { bindMount } from '../../../kit/system.ts';
import type { Change } from '../../../kit/tree.ts';
import { joinPath, listFolder, lstatIfAny, readEntry, sameMetadata, typeOf } from '../../../kit/walk.ts';
import type { SnapshotDriver, Stack, Workspace } from './driver.ts';
import { touchedPaths } from './send-stream.ts';

export function btrfsDriver(snapshotsDir: string): SnapshotDriver {
  const folderOf = (name: string) => join(snapshotsDir, name);
  const treeOf = (stack: Stack, index = 0) => {
    const name = stack[index]?.folders[0];
    return name === undefined ? undefined : folderOf(name);
  };
  const workspaceIn = (dir: string): Workspace => ({ dir, root: join(dir, 'fs') });

  return {
    name: 'btrfs',
    fork(stack, dir) {
      mkdirSync(dir, { recursive: true });
      const workspace = workspaceIn(dir);
      const parent = treeOf(stack);
      if (parent === undefined) {
        createSubvolume(workspace.root);
        // Whatever the umask of the process is.
        chmodSync(workspace.root, 0o755);
      } else snapshotSubvolume(parent, workspace.root);
      return workspace;
    },
    reopen: (_stack, dir) => workspaceIn(dir),
    release() {},
    commit: ({ root }, name) => renameSync(root, folderOf(name)),
    discard(dir) {
      removeSubvolume(join(dir, 'fs'));
      removeAll(dir);
    },
    view(stack, at) {
      const tree = treeOf(stack);
      if (tree !== undefined) bindMount(tree, at, { readonly: true });
    },
    diff(stack) {
      const tree = treeOf(stack);
      if (tree === undefined) return [];
      const parent = treeOf(stack, 1);
      return parent === undefined ? wholeTree(tree) : withFolders(tree, differences(parent, tree));
    },
    *between(before, after) {
      const [left, right] = [treeOf(before), treeOf(after)];
      if (left === right) return;
      if (left === undefined || right === undefined) yield { path: '', whole: true };
      else
        for (const path of [...touchedPaths(sendStream(left, right)).keys()].sort(byFolder))
          yield { path, whole: path !== '' && isOther(left, right, path) };
    },
    locate(stack, path) {
      const tree = treeOf(stack);
      return tree === undefined ? undefined : locateIn(tree, path);
    },
    capture(live, dir, seen = { id: '' }) {
      mkdirSync(dir, { recursive: true });
      const workspace = workspaceIn(dir);
      snapshotSubvolume(live.root, workspace.root);
      return { workspace, seen };
    },
    remove: (folder) => removeSubvolume(folderOf(folder)),
  };
}

function* wholeTree(tree: string): Generator<Change> {
  yield { kind: 'present', entry: readEntry(tree, ''), content: tree };
  yield* walk(tree, '');
}

function* walk(tree: string, path: string): Generator<Change> {
  for (const name of listFolder(path === '' ? tree : join(tree, path))) {
    const at = joinPath(path, name);
    const entry = readEntry(join(tree, at), at);
    yield { kind: 'present', entry, content: join(tree, at) };
    if (entry.type === 'directory') yield* walk(tree, at);
  }
}

/** Adds the folders on the way to each change: who unpacks one would leave them with times of their own. */
function* withFolders(tree: string, changes: Iterable<Change>): Generator<Change> {
  const told = new Set<string>();
  for (const change of changes) {
    const path = change.kind === 'deleted' ? change.path : change.entry.path;
    const names = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= names.length; depth++) {
      const folder = names.slice(0, depth).join('/');
      if (told.has(folder)) continue;
      told.add(folder);
      yield { kind: 'present', entry: readEntry(join(tree, folder), folder), content: join(tree, folder) };
    }
    told.add(path);
    yield change;
  }
}

function* differences(parent: string, tree: string): Generator<Change> {
  // The root's time alone is no change: any entry sets that.
  const root = readEntry(tree, '');
  if (!sameMetadata(root, { ...readEntry(parent, ''), mtimeNs: root.mtimeNs }))
    yield { kind: 'present', entry: root, content: tree };
  const touched = touchedPaths(sendStream(parent, tree));
  /** Folders whose whole content is listed already, because they are new. */
  let covered: string | undefined;
  for (const path of [...touched.keys()].sort(byFolder)) {
    if (path === '' || (covered !== undefined && path.startsWith(`${covered}/`))) continue;
    const now = lstatIfAny(join(tree, path));
    const before = realEntry(parent, path);
    if (now === undefined || !isBelowFolders(tree, path)) {
      if (before !== undefined && isBelowFolders(tree, path)) yield { kind: 'deleted', path };
      continue;
    }
    const content = join(tree, path);
    const entry = readEntry(content, path, now);
    if (entry.type !== 'directory') {
      if (
        before === undefined ||
        before.ino !== now.ino ||
        touched.get(path)?.content ||
        !sameMetadata(entry, readEntry(join(parent, path), path))
      ) {
        yield { kind: 'present', entry, content };
      }
      continue;
    }
    if (before?.ino === now.ino) {
      if (!sameMetadata(entry, readEntry(join(parent, path), path)))
        yield { kind: 'present', entry, content };
      continue;
    }
    const opaque = before !== undefined && typeOf(before) === 'directory';
    yield opaque ? { kind: 'present', entry, content, opaque } : { kind: 'present', entry, content };
    yield* walk(tree, path);
    covered = path;
  }
}

/**
 * Whether what is at a path now came there as a whole, so that nothing below it is told. Two subvolumes give the same
 * inode numbers to what they make: then the time of birth tells.
 */
function isOther(before: string, after: string, path: string): boolean {
  const [one, other] = [realEntry(before, path), realEntry(after, path)];
  return one?.ino !== other?.ino || one?.birthtimeNs !== other?.birthtimeNs;
}

/** Order of a walk: a folder comes right before its content. */
function byFolder(a: string, b: string): number {
  const [left, right] = [a.replaceAll('/', '\0'), b.replaceAll('/', '\0')];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The entry at `path`, unless a part of the way there is a symlink. */
function realEntry(tree: string, path: string) {
  return isBelowFolders(tree, path) ? lstatIfAny(join(tree, path)) : undefined;
}

function isBelowFolders(tree: string, path: string): boolean {
  const names = path.split('/').slice(0, -1);
  return names.every((_, index) => {
    const stats = lstatIfAny(join(tree, ...names.slice(0, index + 1)));
    return stats !== undefined && typeOf(stats) === 'directory';
  });
}

function sendStream(parent: string, tree: string): Buffer {
  // What is sent must say that it is read-only. No step of a build waits for that: it takes as long as the step's fork.
  for (const path of [parent, tree]) makeReadOnly(path);
  // The stream goes through a file: a pipe of spawnSync is held in memory twice.
  const dir = mkdtempSync(join(tmpdir(), 'cambium-send-'));
  const file = join(dir, 'stream');
  try {
    const fd = openSync(file, 'w', 0o600);
    const result = spawnSync('btrfs', ['send', '--quiet', '--no-data', '-p', parent, tree], {
      stdio: ['ignore', fd, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(fd);
    if (result.status !== 0) {
      throw outside(
        'btrfs-send-failed',
        `\`btrfs send\` failed: ${(result.stderr || String(result.error)).trim()}.`,
        {
          hint: 'Install btrfs-progs, or keep the store on another file system.',
        },
      );
    }
    return readFileSync(file);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function locateIn(tree: string, path: string): string | undefined {
  const at = join(tree, path);
  return isBelowFolders(tree, path) && lstatIfAny(at) !== undefined ? at : undefined;
}
