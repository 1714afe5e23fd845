/**
 * Snapshots as stacks of folders under overlayfs, on any file system. A snapshot's folder is the upper folder of the
 * overlay in which its step ran.
 */
import { chmodSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { copyMetadata } from '../../../kit/copy-node.ts';
import { removeAll } from '../../../kit/remove.ts';
import { bindMount, mountOverlay, unmount } from '../../../kit/system.ts';
import { readEntry } from '../../../kit/walk.ts';
import type { SnapshotDriver, Stack, Workspace } from './driver.ts';
import { captureUpper } from './overlay-capture.ts';
import { foldInto } from './overlay-fold.ts';
import { locateIn, rootChange, suspects, walkFolders } from './overlay-folders.ts';

export function overlayDriver(snapshotsDir: string): SnapshotDriver {
  const folderOf = (name: string) => join(snapshotsDir, name);
  const ownFolders = (stack: Stack) => stack[0]?.folders.map(folderOf) ?? [];
  const allFolders = (stack: Stack) => stackFolders(stack).map(folderOf);

  const mountWorkspace = (stack: Stack, dir: string, below?: string): Workspace => {
    const upper = join(dir, 'fs');
    const lowers = allFolders(stack);
    if (lowers.length === 0) return { dir, root: upper };
    const work = join(dir, 'work');
    mkdirSync(work);
    // Over its own folders, which are seen again after it: one folder less to make.
    mountOverlay({ lowers: below ? [...lowers, below] : lowers, upper: { dir: upper, work }, at: dir });
    return { dir, root: dir };
  };

  return {
    name: 'overlay',
    fork(stack, dir, below) {
      const upper = join(dir, 'fs');
      for (const folder of [dir, upper]) mkdirSync(folder);
      // The root folder's own metadata is that of the parent's root.
      const parent = allFolders(stack)[0];
      if (parent !== undefined) copyMetadata(readEntry(parent, ''), upper);
      // Whatever the umask of the process is.
      else chmodSync(upper, 0o755);
      return mountWorkspace(stack, dir, below);
    },
    reopen(stack, dir) {
      // That of an earlier mount says 'volatile' and would be refused.
      rmSync(join(dir, 'work'), { recursive: true, force: true });
      return mountWorkspace(stack, dir);
    },
    release({ dir, root }) {
      if (root === dir) unmount(dir);
    },
    commit: ({ dir }, name) => renameSync(join(dir, 'fs'), folderOf(name)),
    discard(dir) {
      unmount(dir);
      removeAll(dir);
    },
    view(stack, at) {
      const lowers = allFolders(stack);
      // An overlay without an upper folder needs two lower ones.
      if (lowers.length > 1) mountOverlay({ lowers, at });
      else if (lowers[0] !== undefined) bindMount(lowers[0], at, { readonly: true });
    },
    *diff(stack) {
      const own = ownFolders(stack);
      if (own[0] === undefined) return;
      const below = allFolders(stack.slice(1));
      yield* rootChange(own[0], below[0]);
      yield* walkFolders(own, '', below);
    },
    locate: (stack, path) => locateIn(allFolders(stack), path),
    fold(folders, below, dir) {
      mkdirSync(dir);
      const root = join(dir, 'fs');
      foldInto(root, folders.map(folderOf), allFolders(below));
      return { dir, root };
    },
    *between(before, after) {
      const [left, right] = [stackFolders(before), stackFolders(after)];
      while (left.length > 0 && left.at(-1) === right.at(-1)) {
        left.pop();
        right.pop();
      }
      const own = [...left, ...right].map(folderOf);
      if (own.length === 0) return;
      if (before.length === 0 || after.length === 0) yield { path: '', whole: true };
      else {
        yield { path: '', whole: false };
        yield* suspects(own, '');
      }
    },
    capture({ dir: live }, dir, seen) {
      const root = join(dir, 'fs');
      mkdirSync(root, { recursive: true });
      return { workspace: { dir, root }, seen: captureUpper(join(live, 'fs'), root, seen) };
    },
    remove: (folder) => removeAll(folderOf(folder)),
  };
}

/** Names of the folders that a mount of `stack` takes, top first. */
export function stackFolders(stack: Stack): string[] {
  return stack.flatMap(({ folders, folded }) => (folded ? [folded] : folders));
}
