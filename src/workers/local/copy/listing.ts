/**
 * What a folder holds, with digests: as it was scanned. A listing is a list of plain records that goes into the
 * database as JSON.
 */
import { createHash } from 'node:crypto';
import { canonicalJson, type Digest } from '../../../kit/digest.ts';
import type { EntryType } from '../../../kit/tree.ts';

export interface Listed {
  /** Relative to the listing's root; `''` is the root itself. */
  path: string;
  type: EntryType;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Nanoseconds, as decimal text. */
  mtime: string;
  link?: string;
  device?: { major: number; minor: number };
  /** By name; values in base64. */
  xattrs?: Record<string, string>;
  /** 64 hex digits of SHA-256 over a file's content. */
  digest?: string;
  /** First path of the listing with the same inode, for a file with hard links. */
  sameAs?: string;
  /** Inode and ctime: with size, mtime, mode and owner, the file's identity. */
  identity: string;
  /** Changed so shortly before it was scanned that an equal identity proves nothing. */
  racy?: true;
}

const linesAtOnce = 1000;

/**
 * Digest of what a copy of the listing gives: all but times, which never enter a key (a fresh clone of the same
 * sources is the same input). Owners count only when the copy keeps them.
 */
export function contentDigest(listing: readonly Listed[], keepsOwner: boolean): Digest {
  const hash = createHash('sha256');
  // A call for each of many thousand lines would cost more than the hashing.
  for (let at = 0; at < listing.length; at += linesAtOnce) {
    const lines = listing.slice(at, at + linesAtOnce).map((entry) => contentLine(entry, keepsOwner));
    hash.update(lines.join(''));
  }
  return `sha256:${hash.digest('hex')}` as Digest;
}

function contentLine(entry: Listed, keepsOwner: boolean): string {
  const fields = [
    entry.path,
    entry.type,
    entry.type === 'symlink' ? 0 : entry.mode,
    keepsOwner ? entry.uid : 0,
    keepsOwner ? entry.gid : 0,
    entry.digest ?? entry.link ?? (entry.device ? `${entry.device.major}:${entry.device.minor}` : ''),
    entry.sameAs ?? '',
    entry.xattrs ? canonicalJson(entry.xattrs) : '',
  ];
  return `${JSON.stringify(fields)}\n`;
}
