/** Writes an image's whole tree, its layers put together: as a tar, or as a folder. */
import { mkdirSync } from 'node:fs';
import { copyTree, mergeInto } from '../../kit/copy-tree.ts';
import { wrongUse } from '../../kit/errors.ts';
import { treeMembers } from '../../kit/tar/members.ts';
import { packTar } from '../../kit/tar/pack.ts';
import { removeTree } from '../../kit/tar/safe-root.ts';
import { abortOf, type ImageContext } from '../context.ts';
import { imageRoot } from '../image-root.ts';
import type { Image } from '../records.ts';
import { makeFolder, stateOf } from './replace.ts';

/** Packs the tree into an empty file; returns its length. */
export function writeRootfsTar(
  context: ImageContext,
  image: Image,
  fd: number,
  clampSeconds?: number,
): Promise<number> {
  return context.snapshots.view(image.snapshot, async (view) => {
    const items = treeMembers(imageRoot(view, image.root), clampSeconds);
    const { size } = await packTar(items, { output: fd, hash: false, ...abortOf(context) });
    return size;
  });
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
    if (state !== 'filled')
      return makeFolder(dest, async (folder) => copyTree(root, folder, abortOf(context)));
    // The whole is made beside; then only renames are left.
    const beside = `${dest}.cambium-${process.pid}.tmp`;
    mkdirSync(beside);
    try {
      const bytes = await copyTree(root, beside, abortOf(context));
      mergeInto(beside, dest);
      return bytes;
    } finally {
      removeTree(beside);
    }
  });
}
