/**
 * Content by digest in the store: layers, plain or in the forms that registries have. A blob is written in the run's own folder, renamed to its
 * digest, and then gets its row; a file without a row is rubbish.
 */
import { closeSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, hexOf } from '../kit/digest.ts';
import { newId } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import { type ImageContext, withRunFolder } from './context.ts';

export function blobPath(store: Store, digest: Digest): string {
  return join(store.dir, 'blobs/sha256', hexOf(digest));
}

/** Whether the blob is there, in its full size. */
export function hasBlob(store: Store, digest: Digest): boolean {
  const row = store.db.prepare('SELECT size FROM blobs WHERE digest = ?').get(digest) as
    | { size: number }
    | undefined;
  if (row === undefined) return false;
  return statSync(blobPath(store, digest), { throwIfNoEntry: false })?.size === row.size;
}

export function touchBlob(store: Store, digest: Digest): void {
  store.db.prepare('UPDATE blobs SET last_used_ms = ? WHERE digest = ?').run(Date.now(), digest);
}

/**
 * Files what `write` puts into an empty file, under the digest that it returns. Nothing is left when it throws;
 * with `keep` false the file is thrown away.
 */
export function fileBlob<T extends { digest: Digest; size: number; keep?: boolean }>(
  context: Pick<ImageContext, 'store' | 'run'>,
  write: (fd: number) => Promise<T>,
): Promise<T> {
  return withRunFolder(context, (dir) => fileFrom(context.store, join(dir, `blob-${newId()}`), write));
}

async function fileFrom<T extends { digest: Digest; size: number; keep?: boolean }>(
  store: Store,
  temporary: string,
  write: (fd: number) => Promise<T>,
): Promise<T> {
  const fd = openSync(temporary, 'wx+', 0o644);
  try {
    const result = await write(fd);
    if (result.keep === false) return result;
    renameSync(temporary, blobPath(store, result.digest));
    store.db
      .prepare('INSERT OR REPLACE INTO blobs (digest, size, last_used_ms) VALUES (?, ?, ?)')
      .run(result.digest, result.size, Date.now());
    return result;
  } finally {
    closeSync(fd);
    rmSync(temporary, { force: true });
  }
}
