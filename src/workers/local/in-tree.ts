/** Finds paths of a mounted tree on the host, whatever symlinks the tree has. */
import { outside } from '../../kit/errors.ts';
import { findInRoot } from '../../kit/in-root.ts';

/** Real host path of `path` inside the tree at `root`; `what` names it in the error when it isn't there. */
export function inTree(root: string, path: string, what: string): string {
  const found = findInRoot(root, path);
  if (found !== undefined) return found;
  throw outside('missing-folder', `${path}, ${what}, is not in the snapshot.`, {
    hint: 'An earlier stage has to make it.',
  });
}
