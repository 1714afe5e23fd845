/** Lists a whole tree below a host folder, as a snapshot's view shows it. */
import { join } from 'node:path';
import { outside } from '../kit/errors.ts';
import type { Entry } from '../kit/tree.ts';
import { joinPath, listFolder, lstat, lstatIfAny, readEntry } from '../kit/walk.ts';

export interface Found {
  entry: Entry;
  /** Host path. */
  host: string;
}

/** Every entry, the root (`''`) first, folders before their content, names of a folder sorted. */
export function* walkTree(root: string, path = ''): Generator<Found> {
  const host = path === '' ? root : `${root}/${path}`;
  const entry = readEntry(host, path, lstat(path === '' ? `${root}/.` : host));
  yield { entry, host };
  if (entry.type !== 'directory') return;
  for (const name of listFolder(host)) yield* walkTree(root, joinPath(path, name));
}

/** The folder of a view that is an image's root. Links on the way are refused: they could lead to the host. */
export function imageRoot(view: string, root: string): string {
  let host = view;
  for (const name of root.split('/').filter((part) => part !== '')) {
    host = join(host, name);
    if (!lstatIfAny(host)?.isDirectory()) {
      throw outside('no-image-root', `The image's root ${root} is not a folder of its snapshot.`, {
        hint: 'A stage must make it: for specs that is /chroot.',
      });
    }
  }
  return host;
}
