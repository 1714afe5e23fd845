/** Our own Bash files: the driver that evaluates specs, and the library for trees that have none. */
import { dirname, join } from 'node:path';
import { wrongUse } from '../../kit/errors.ts';
import { existsSync, readdirSync, realpathSync, statIfThere } from '../../kit/host-files.ts';
import type { Copy } from '../../plan/index.ts';
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

/**
 * Copies that make up the lib/ that the stages of `tree` see, at `dest`: the tree's own, laid over ours where it has no
 * prelude.
 */
export function libraryCopies(tree: string, dest: string): Copy[] {
  return librariesOf(tree).map((path) => ({ from: { type: 'folder', path }, paths: ['.'], dest }));
}

function librariesOf(tree: string): string[] {
  const ours = join(bashFolder(), 'lib');
  const own = join(tree, 'lib');
  if (!statIfThere(own)?.isDirectory()) return [ours];
  const path = realpathSync.native(own);
  if (isInside(realpathSync.native(tree), path))
    return readdirSync(path).some((name) => /^prelude_.*\.bash$/.test(name)) ? [path] : [ours, path];
  throw wrongUse('path-leaves-folder', `${own} is a link to ${path}, outside of ${tree}.`);
}
