/** Scratch places that clean themselves up: folders, and btrfs in a loop file. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { removeAll } from '../../src/kit/remove.ts';
import { unmountBelow } from '../../src/kit/system.ts';

export interface Scratch extends Disposable {
  dir: string;
  path(...names: string[]): string;
}

/** A new folder. Not below /tmp where that is a tmpfs, which has no overlay on it. */
export function scratch(): Scratch {
  const dir = mkdtempSync('/var/tmp/cambium-test-');
  return {
    dir,
    path: (...names) => join(dir, ...names),
    [Symbol.dispose]() {
      unmountBelow(dir);
      // A store may hold trees that are deeper than Node removes.
      removeAll(dir);
    },
  };
}

/** A new folder on a file system of its own, of the given type and size. */
export function scratchOn(type: 'btrfs' | 'xfs' | 'ext4', size: string): Scratch {
  const outer = scratch();
  const image = outer.path('disk');
  execFileSync('truncate', ['-s', size, image]);
  execFileSync(`mkfs.${type}`, type === 'ext4' ? ['-q', '-F', image] : ['-q', image]);
  const dir = outer.path('mnt');
  mkdirSync(dir);
  execFileSync('mount', ['-o', 'loop', image, dir]);
  return {
    dir,
    path: (...names) => join(dir, ...names),
    [Symbol.dispose]() {
      unmountBelow(dir);
      execFileSync('sh', ['-c', `umount "$0" 2>/dev/null; true`, dir]);
      outer[Symbol.dispose]();
    },
  };
}
