/** What identifies a source's content, found out without unpacking anything. */
import { createHash } from 'node:crypto';
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Digest } from '../../kit/digest.ts';
import { errnoOf, explainSystemError, wrongUse } from '../../kit/errors.ts';
import { isOlderThan, rowOfStats, settledBefore } from '../../kit/file-rows.ts';
import { treeMembers } from '../../kit/tar/members.ts';
import { packTar } from '../../kit/tar/pack.ts';
import type { Store } from '../../store/store.ts';

const chunkBytes = 4 * 1024 * 1024;

/** Digest of a file's bytes, remembered by its metadata. */
export async function fileDigest(store: Store, path: string): Promise<Digest> {
  const fd = openForReading(path);
  try {
    const settled = settledBefore();
    const before = fstatSync(fd, { bigint: true });
    const fingerprint = fingerprintOf(before);
    const row = store.db
      .prepare('SELECT digest FROM scans WHERE root = ? AND fingerprint = ?')
      .get(path, fingerprint);
    if (row !== undefined) return (row as { digest: Digest }).digest;
    const digest = await hashOpen(fd);
    const after = fstatSync(fd, { bigint: true });
    if (fingerprintOf(after) === fingerprint && isOlderThan(rowOfStats(before), 0, settled)) {
      store.db
        .prepare(
          'INSERT OR REPLACE INTO scans (root, fingerprint, digest, listing, last_used_ms) VALUES (?, ?, ?, ?, ?)',
        )
        .run(path, fingerprint, digest, Buffer.alloc(0), Date.now());
    }
    return digest;
  } finally {
    closeSync(fd);
  }
}

function openForReading(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT')
      throw wrongUse('missing-source', `${path} doesn't exist.`, { cause: error });
    throw explainSystemError(error, `reading ${path}`);
  }
}

function fingerprintOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `file ${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

async function hashOpen(fd: number): Promise<Digest> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(chunkBytes);
  for (let at = 0; ; ) {
    const count = readSync(fd, buffer, 0, buffer.length, at);
    if (count === 0) break;
    hash.update(buffer.subarray(0, count));
    at += count;
    await nextTurn();
  }
  return `sha256:${hash.digest('hex')}` as Digest;
}

/** Digest over all of a folder's entries and their content: that of the tar it would be. Reads every file. */
export async function folderDigest(path: string): Promise<Digest> {
  const { digest } = await packTar(treeMembers(path), { hash: true });
  return digest as Digest;
}
