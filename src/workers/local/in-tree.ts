/** Finds paths of a mounted tree on the host, whatever symlinks the tree has. */
import { closeSync, readlinkSync } from 'node:fs';
import { errnoOf, outside } from '../../kit/errors.ts';
import { descriptorPath, O_PATH, openFolder, openInRoot } from '../../kit/system.ts';

/** Real host path of `path` inside the tree at `root`; `what` names it in the error when it isn't there. */
export function inTree(root: string, path: string, what: string): string {
  try {
    return resolveIn(root, path);
  } catch (error) {
    throw outside('missing-folder', `${path}, ${what}, is not in the snapshot.`, {
      cause: error,
      hint: 'An earlier stage has to make it.',
    });
  }
}

/** As `inTree`; undefined where there is nothing. */
export function findInTree(root: string, path: string): string | undefined {
  try {
    return resolveIn(root, path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

function resolveIn(root: string, path: string): string {
  if (path === '/' || path === '') return root;
  const rootFd = openFolder(root);
  try {
    const fd = openInRoot(rootFd, path, O_PATH);
    const real = readlinkSync(descriptorPath(fd));
    closeSync(fd);
    return real;
  } finally {
    closeSync(rootFd);
  }
}
