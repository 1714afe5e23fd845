/** Lists a whole tree below a host folder. */
import type { Entry } from './tree.ts';
import { joinPath, listFolder, lstat, readEntry } from './walk.ts';

export interface Found {
  entry: Entry;
  /** Host path. */
  host: string;
}

/** Every entry, the root (`''`) first, folders before their content, names of a folder sorted. */
export function* walkTree(root: string, path = ''): Generator<Found> {
  const host = path === '' ? root : `${root}/${path}`;
  const own = lstat(host);
  // The root itself may be reached through a link.
  const entry = readEntry(host, path, path === '' && own.isSymbolicLink() ? lstat(`${root}/.`) : own);
  yield { entry, host };
  if (entry.type !== 'directory') return;
  for (const name of listFolder(host)) yield* walkTree(root, joinPath(path, name));
}
