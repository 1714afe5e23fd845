/**
 * The folder with a volume's data, and copies of it. On btrfs it is a subvolume, whose copy takes no time; elsewhere a
 * copy goes file by file, sharing blocks where the file system can (xfs).
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { createSubvolume, isBtrfs, isSubvolume, removeSubvolume, snapshotSubvolume } from '../kit/btrfs.ts';
import { copyMetadata } from '../kit/copy-node.ts';
import { copyTree } from '../kit/copy-tree.ts';
import { removeTree } from '../kit/tar/safe-root.ts';
import { readEntry } from '../kit/walk.ts';

/** Makes the empty folder `path` for data. */
export function makeTree(path: string): void {
  if (isBtrfs(dirname(path))) createSubvolume(path);
  else mkdirSync(path, 0o755);
}

/** Whether a copy of the tree at `path` takes one moment, whoever writes to it. */
export function copiesAtOnce(path: string): boolean {
  return isBtrfs(path) && isSubvolume(path);
}

/** Makes `to` what `from` is. */
export async function forkTree(from: string, to: string, signal?: AbortSignal): Promise<void> {
  if (copiesAtOnce(from)) {
    snapshotSubvolume(from, to);
    return;
  }
  makeTree(to);
  await copyTree(from, to, { signal });
  copyMetadata(readEntry(from, ''), to);
}

/** Removes a tree, or whatever else is there; nothing there is fine. */
export function dropTree(path: string): void {
  if (isSubvolume(path) && isBtrfs(path)) removeSubvolume(path);
  removeTree(path);
}
