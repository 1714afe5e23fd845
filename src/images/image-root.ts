/** Finds an image's root folder in a view of its snapshot. */
import { join } from 'node:path';
import { outside } from '../kit/errors.ts';
import { lstatIfAny } from '../kit/walk.ts';

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
