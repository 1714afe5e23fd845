/** What a walk over a folder of the host met, in little memory. */
import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';

/**
 * Paths and metadata as they were met. Numbers, in one array: an object for each entry of a large folder would cost more
 * time in garbage collection than the system calls do.
 */
export interface Seen {
  paths: string[];
  /** `fieldCount` numbers for each path. */
  numbers: BigInt64Array;
}

export type Stats = Pick<
  BigIntStats,
  'mode' | 'uid' | 'gid' | 'size' | 'mtimeNs' | 'nlink' | 'dev' | 'ino' | 'ctimeNs' | 'rdev'
>;

const fieldCount = 10;

export function nothingSeen(): Seen {
  return { paths: [], numbers: new BigInt64Array(64 * fieldCount) };
}

/** Adds an entry at the end. */
export function addSeen(seen: Seen, path: string, stats: Stats): void {
  const at = seen.paths.length * fieldCount;
  seen.paths.push(path);
  if (at + fieldCount > seen.numbers.length) {
    const larger = new BigInt64Array(seen.numbers.length * 2);
    larger.set(seen.numbers);
    seen.numbers = larger;
  }
  const { numbers } = seen;
  numbers[at] = stats.mode;
  numbers[at + 1] = stats.uid;
  numbers[at + 2] = stats.gid;
  numbers[at + 3] = stats.size;
  numbers[at + 4] = stats.mtimeNs;
  numbers[at + 5] = stats.nlink;
  numbers[at + 6] = stats.dev;
  numbers[at + 7] = stats.ino;
  numbers[at + 8] = stats.ctimeNs;
  numbers[at + 9] = stats.rdev;
}

/** Metadata of the entry at `index`. */
export function statsOf({ numbers }: Seen, index: number): Stats {
  const field = (offset: number) => numbers[index * fieldCount + offset] as bigint;
  const [mode, uid, gid, size, mtimeNs] = [field(0), field(1), field(2), field(3), field(4)];
  const [nlink, dev, ino, ctimeNs, rdev] = [field(5), field(6), field(7), field(8), field(9)];
  return { mode, uid, gid, size, mtimeNs, nlink, dev, ino, ctimeNs, rdev };
}

/** What tells one inode from another, and from itself after a change. */
export function identityOf(stats: Stats): string {
  return `${stats.dev}.${stats.ino}.${stats.ctimeNs}`;
}

/** Digest of all paths and metadata; a digest of content it is not. */
export function fingerprintOf({ paths, numbers }: Seen): string {
  const used = numbers.subarray(0, paths.length * fieldCount);
  return createHash('sha256').update(paths.join('\0')).update(used).digest('hex');
}
