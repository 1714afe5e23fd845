/** Brings a foreign layer into the store's blobs, uncompressed, checked against both of its digests on the way. */
import { createHash } from 'node:crypto';
import { statfsSync, write } from 'node:fs';
import { promisify } from 'node:util';
import type { Digest } from '../../kit/digest.ts';
import { explainSystemError, UserError } from '../../kit/errors.ts';
import { decompress } from '../../kit/tar/decompress.ts';
import type { Store } from '../../store/store.ts';
import { blobPath, fileBlob, hasBlob } from '../blobs.ts';
import type { ImageContext } from '../context.ts';
import { type LayerBlob, wrongDigest } from './described.ts';

const writeAt = promisify(write);

/** What a user may still write to the store's disk: no archive is let to unpack to more. */
export function freeBytes(store: Store): number {
  const { bavail, bsize } = statfsSync(store.dir);
  return bavail * bsize;
}

/** Makes sure that the layer lies in the store; returns its host path and length. */
export async function ensureLayerBlob(
  context: ImageContext,
  layer: LayerBlob,
  place: string,
): Promise<{ path: string; size: number }> {
  const { store } = context;
  const path = blobPath(store, layer.diffId);
  if (hasBlob(store, layer.diffId)) {
    const row = store.db.prepare('SELECT size FROM blobs WHERE digest = ?').get(layer.diffId) as {
      size: number;
    };
    return { path, size: row.size };
  }
  try {
    const { size } = await fileBlob(context, (fd) => copyChecked(context, layer, place, fd));
    return { path, size };
  } catch (error) {
    throw explainSystemError(error, `importing ${place}`);
  }
}

async function copyChecked(
  context: ImageContext,
  layer: LayerBlob,
  place: string,
  fd: number,
): Promise<{ digest: Digest; size: number }> {
  const packed = createHash('sha256');
  const plain = createHash('sha256');
  const isChecked = layer.digest !== undefined && layer.digest !== layer.diffId;
  async function* source(): AsyncGenerator<Buffer> {
    for await (const chunk of layer.file.stream()) {
      if (isChecked) packed.update(chunk);
      yield chunk;
    }
  }
  let size = 0;
  try {
    for await (const chunk of decompress(source(), { limitBytes: freeBytes(context.store) })) {
      context.signal?.throwIfAborted();
      plain.update(chunk);
      for (let at = 0; at < chunk.length; )
        at += (await writeAt(fd, chunk, at, chunk.length - at, size + at)).bytesWritten;
      size += chunk.length;
    }
  } catch (error) {
    // Damage shows in the compression first; that the digest is wrong says more.
    if (
      error instanceof UserError &&
      error.code === 'broken-tar' &&
      isChecked &&
      (await digestOf(layer)) !== layer.digest
    ) {
      throw wrongDigest(`The layer ${layer.digest}`, place);
    }
    throw error;
  }
  if (isChecked && `sha256:${packed.digest('hex')}` !== layer.digest)
    throw wrongDigest(`The layer ${layer.digest}`, place);
  if (`sha256:${plain.digest('hex')}` !== layer.diffId) throw wrongDigest(`The layer ${layer.diffId}`, place);
  return { digest: layer.diffId, size };
}

async function digestOf(layer: LayerBlob): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of layer.file.stream()) hash.update(chunk);
  return `sha256:${hash.digest('hex')}`;
}
