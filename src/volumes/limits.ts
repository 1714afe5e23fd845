/** Limits of size, where the file system keeps account of each volume: on btrfs, by quota groups. */
import { spawnSync } from 'node:child_process';
import { isBtrfs, isSubvolume } from '../kit/btrfs.ts';
import { outside, wrongUse } from '../kit/errors.ts';
import type { Store } from '../store/store.ts';
import { findVolume } from './rows.ts';

/** Limits what can be written to the tree at `root`, which is new. Throws where the file system has no such thing. */
export function limitTree(root: string, bytes: number): void {
  if (!isBtrfs(root) || !isSubvolume(root)) {
    throw wrongUse(
      'no-quotas',
      "Volumes of this store can't have a limit of size: it doesn't lie on btrfs.",
      {
        hint: 'Make one that does: cambium store create --btrfs DIR',
      },
    );
  }
  // Harmless where quotas are on already.
  btrfs('quota', 'enable', root);
  btrfs('qgroup', 'limit', String(bytes), root);
}

/** Gives a tree that is to replace a volume's data the volume's limit. */
export function limitLike(store: Store, name: string, root: string): void {
  const bytes = findVolume(store, name)?.limitBytes;
  if (typeof bytes === 'number') limitTree(root, bytes);
}

function btrfs(...args: string[]): void {
  const { error, status, stderr } = spawnSync('btrfs', args, { encoding: 'utf8' });
  if (status === 0) return;
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
    throw outside('missing-program', 'The program btrfs is needed for a limit of size.', {
      hint: 'Install it: apt-get install btrfs-progs',
    });
  }
  throw outside(
    'quota-failed',
    `\`btrfs ${args[0]} ${args[1]}\` failed: ${stderr.trim().split('\n').at(-1)}.`,
  );
}
