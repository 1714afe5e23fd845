/** Layers of the store's own images, as an import sees them. */
import { createReadStream, readFileSync } from 'node:fs';
import type { Digest } from '../../kit/digest.ts';
import type { Store } from '../../store/store.ts';
import { blobPath } from '../blobs.ts';
import type { ImageFile } from './image-files.ts';

export function blobFile(store: Store, digest: Digest, size: number): ImageFile {
  const path = blobPath(store, digest);
  return {
    size,
    stream: () => createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>,
    read: () => readFileSync(path),
  };
}
