/** Whether a path in a tree is a real folder, reached over real folders: a step may have put links there. */
import { join, posix } from 'node:path';
import { lstatIfAny, typeOf } from '../../../kit/walk.ts';

/** For the tree at `root`, to which folders may be added meanwhile. Paths are relative to it. */
export function folderCheck(root: string): (path: string) => boolean {
  const known = new Set(['.', '']);
  const isFolder = (path: string): boolean => {
    if (known.has(path)) return true;
    if (!isFolder(posix.dirname(path))) return false;
    const stats = lstatIfAny(join(root, path));
    if (stats === undefined || typeOf(stats) !== 'directory') return false;
    known.add(path);
    return true;
  };
  return isFolder;
}
