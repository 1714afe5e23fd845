/** Writes an image's whole tree, its layers put together: as a tar, or as a folder. */
import { linkSync, mkdirSync, renameSync } from 'node:fs';
import { wrongUse } from '../../kit/errors.ts';
import { fsPath } from '../../kit/names.ts';
import { setTimes } from '../../kit/system.ts';
import { copyEntry } from '../../kit/tar/copy-entry.ts';
import type { PackItem } from '../../kit/tar/pack.ts';
import { packTar } from '../../kit/tar/pack.ts';
import { removeTree } from '../../kit/tar/safe-root.ts';
import { joinPath, listFolder, lstatIfAny } from '../../kit/walk.ts';
import { abortOf, type ImageContext } from '../context.ts';
import { memberMaker } from '../layer-members.ts';
import type { Image } from '../records.ts';
import { imageRoot, walkTree } from '../walk-tree.ts';
import { makeFolder, stateOf } from './replace.ts';

/** Packs the tree into an empty file; returns its length. */
export function writeRootfsTar(
  context: ImageContext,
  image: Image,
  fd: number,
  clampSeconds?: number,
): Promise<number> {
  return context.snapshots.view(image.snapshot, async (view) => {
    const items = rootfsMembers(imageRoot(view, image.root), clampSeconds);
    const { size } = await packTar(items, { output: fd, hash: false, ...abortOf(context) });
    return size;
  });
}

/** Names begin with `./`, as tar(1) writes a folder's content. */
export function* rootfsMembers(root: string, clampSeconds?: number): Generator<PackItem> {
  const toMember = memberMaker(clampSeconds, true);
  for (const { entry, host } of walkTree(root)) {
    const item = toMember(entry, entry.path === '' ? '.' : `./${entry.path}`, host);
    if (item) yield item;
  }
}

/**
 * Copies the tree to the folder `dest`. Into one with files it is moved entry by entry once it is complete: what has
 * the same name is replaced, all else stays. Returns the bytes of the files.
 */
export function writeRootfsFolder(context: ImageContext, image: Image, dest: string): Promise<number> {
  const state = stateOf(dest);
  if (state === 'no-folder')
    throw wrongUse('dest-is-a-file', `The output's dest ${dest} is a file, and a folder is to be written.`);
  return context.snapshots.view(image.snapshot, async (view) => {
    const root = imageRoot(view, image.root);
    if (state !== 'filled') return makeFolder(dest, async (folder) => copyTree(root, folder, context.signal));
    // The whole is made beside; then only renames are left.
    const beside = `${dest}.cambium-${process.pid}.tmp`;
    mkdirSync(beside);
    try {
      const bytes = await copyTree(root, beside, context.signal);
      mergeInto(beside, dest);
      return bytes;
    } finally {
      removeTree(beside);
    }
  });
}

async function copyTree(root: string, folder: string, signal?: AbortSignal): Promise<number> {
  const firstNames = new Map<string, string>();
  const folderTimes: [host: string, mtimeNs: bigint][] = [];
  let bytes = 0;
  for (const { entry, host } of walkTree(root)) {
    signal?.throwIfAborted();
    const to = entry.path === '' ? folder : `${folder}/${entry.path}`;
    const first = entry.inode === undefined ? undefined : firstNames.get(entry.inode);
    if (entry.path === '') continue;
    if (first !== undefined) {
      linkSync(fsPath(first), fsPath(to));
      continue;
    }
    if (entry.type === 'socket') continue;
    await copyEntry(entry, host, to);
    bytes += entry.size;
    if (entry.inode !== undefined) firstNames.set(entry.inode, to);
    if (entry.type === 'directory') folderTimes.push([to, entry.mtimeNs]);
  }
  for (const [to, mtimeNs] of folderTimes.reverse()) setTimes(to, mtimeNs);
  return bytes;
}

function mergeInto(from: string, to: string): void {
  for (const name of listFolder(from)) {
    const [source, dest] = [joinPath(from, name), joinPath(to, name)];
    const [new_, old] = [lstatIfAny(source), lstatIfAny(dest)];
    if (new_?.isDirectory() && old?.isDirectory()) {
      mergeInto(source, dest);
      setTimes(dest, new_.mtimeNs);
    } else {
      if (old?.isDirectory() || new_?.isDirectory()) removeTree(dest);
      renameSync(fsPath(source), fsPath(dest));
    }
  }
}
