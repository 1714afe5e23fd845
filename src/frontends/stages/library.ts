/** Our own Bash files: the driver that evaluates specs, and the library for trees that have none. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { wrongUse } from '../../kit/errors.ts';
import { isInside } from './folder.ts';

/**
 * Host folder with `driver.bash` and `lib/`. The program may run from its source or from a bundle in dist/: both lie
 * below the package's folder.
 */
export function bashFolder(): string {
  const here = typeof __dirname === 'string' ? __dirname : dirname(process.argv[1] ?? '.');
  for (let folder = here; ; folder = dirname(folder)) {
    const candidate = join(folder, 'src/frontends/spec');
    if (existsSync(join(candidate, 'driver.bash'))) return candidate;
    if (folder === dirname(folder)) throw new Error(`src/frontends/spec/driver.bash is missing near ${here}`);
  }
}

/** Host folder of the library that the stages of `tree` use: the tree's own lib/, or else ours. */
export function libraryOf(tree: string): string {
  const own = join(tree, 'lib');
  if (!existsSync(own)) return join(bashFolder(), 'lib');
  const path = realpathSync.native(own);
  if (isInside(realpathSync.native(tree), path)) return path;
  throw wrongUse('path-leaves-folder', `${own} is a link to ${path}, outside of ${tree}.`);
}
