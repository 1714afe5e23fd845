/** Finds paths of a tree on the host, whatever symlinks the tree has. */
import { closeSync, readlinkSync } from 'node:fs';
import { errnoOf } from './errors.ts';
import { decodeName } from './names.ts';
import { descriptorPath, O_PATH, openFolder, openInRoot } from './system.ts';

/** Real host path of `path`, as if the folder `root` were `/`: no link leads out of it. Undefined where nothing is. */
export function findInRoot(root: string, path: string): string | undefined {
  if (path === '/' || path === '') return root;
  const rootFd = openFolder(root);
  try {
    const fd = openInRoot(rootFd, path, O_PATH);
    const real = decodeName(readlinkSync(descriptorPath(fd), { encoding: 'buffer' }));
    closeSync(fd);
    return real;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  } finally {
    closeSync(rootFd);
  }
}
