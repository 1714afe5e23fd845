/** Which file system a folder lies on, and whether that is full. */
import { statfsSync } from 'node:fs';

/** Of statfs(2). */
const BTRFS_SUPER_MAGIC = 0x9123683e;

export function isBtrfs(dir: string): boolean {
  return statfsSync(dir).type === BTRFS_SUPER_MAGIC;
}

/** Less than this holds no database at work: its log, and the index of that. */
const leastBytes = 2 ** 20;

export function isFull(dir: string): boolean {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize < leastBytes;
}
