/** A store with the image `box`: a small system with all of busybox's commands, root and the user `app`. */
import { writeRootfs } from '../parity/support/rootfs.ts';
import { cambiumOk } from './cli.ts';
import type { Scratch } from './scratch.ts';

/** Makes the store in `place`; gives back what `cambium` of cli.ts takes. */
export function boxImage(place: Scratch): { store: string; cwd: string } {
  const at = { store: place.path('store'), cwd: place.dir };
  writeRootfs(place.path('rootfs'), place.path('rootfs.tar'));
  cambiumOk(['image', 'import', place.path('rootfs.tar'), 'box'], at);
  return at;
}
