/** Brings a foreign layer into the store's blobs, uncompressed, checked against both of its digests on the way. */
import { createHash } from 'node:crypto';
import { statfsSync, write } from 'node:fs';
import { promisify } from 'node:util';
import type { Digest } from '../../kit/digest.ts';
import { explainSystemError, UserError } from '../../kit/errors.ts';
import { decompress } from '../../kit/tar/decompress.ts';
import type { Store } from '../../store/store.ts';
import { blobPath, fileBlob, hasBlob, touchBlob } from '../blobs.ts';
import type { ImageContext } from '../context.ts';
import { type LayerBlob, wrongDigest } from './described.ts';

const writeAt = promisify(write);

/** What a user may still write to the store's disk: no archive is let to unpack to more. */
export function freeBytes(store: Store): number {
  const { bavail, bsize } = statfsSync(store.dir);
  return bavail * bsize;
}

export interface StoredLayer {
  diffId: Digest;
  /** Host path of the uncompressed tar. */
  path: string;
  size: number;
}

/** Makes sure that the layer lies in the store, whole and checked. */
export async function ensureLayerBlob(
  context: ImageContext,
  layer: LayerBlob,
  place: string,
): Promise<StoredLayer> {
  const { store } = context;
  const { diffId } = layer;
  const path = blobPath(store, diffId);
  if (hasBlob(store, diffId)) {
    touchBlob(store, diffId);
    const row = store.db.prepare('SELECT size FROM blobs WHERE digest = ?').get(diffId) as { size: number };
    return { diffId, path, size: row.size };
  }
  try {
    const { size } = await fileBlob(context, (fd) => copyChecked(context, layer, place, fd));
    return { diffId, path, size };
  } catch (error) {
    throw explainSystemError(error, `importing ${place}`);
  }
}

/** Streams the layer into the file, hashing it packed and plain on the way. */
async function copyChecked(
  context: ImageContext,
  layer: LayerBlob,
  place: string,
  fd: number,
): Promise<{ digest: Digest; size: number }> {
  const plain = createHash('sha256');
  const source = hashedSource(layer, context.signal);
  const limitBytes = Math.min(freeBytes(context.store), inflateLimit(layer.file.size));
  let size = 0;
  try {
    for await (const chunk of decompress(source.chunks(), { limitBytes })) {
      context.signal?.throwIfAborted();
      plain.update(chunk);
      for (let at = 0; at < chunk.length; )
        at += (await writeAt(fd, chunk, at, chunk.length - at, size + at)).bytesWritten;
      size += chunk.length;
    }
  } catch (error) {
    // Damage shows in the compression first; that the digest is wrong says more.
    if (error instanceof UserError && error.code === 'broken-tar' && (await source.isWrong()))
      throw wrongDigest(`The layer ${layer.digest}`, place);
    throw error;
  }
  if (await source.isWrong()) throw wrongDigest(`The layer ${layer.digest}`, place);
  if (`sha256:${plain.digest('hex')}` !== layer.diffId) throw wrongDigest(`The layer ${layer.diffId}`, place);
  return { digest: layer.diffId, size };
}

/** The layer's bytes as they lie there, and whether they have another digest than is said of them. */
function hashedSource(layer: LayerBlob, signal: AbortSignal | undefined) {
  const hash = createHash('sha256');
  const isChecked = layer.digest !== undefined && layer.digest !== layer.diffId;
  const iterator = layer.file.stream(signal)[Symbol.asyncIterator]();
  const next = async () => {
    const result = await iterator.next();
    if (result.done !== true && isChecked) hash.update(result.value);
    return result;
  };
  return {
    async *chunks(): AsyncGenerator<Buffer> {
      for (let result = await next(); result.done !== true; result = await next()) yield result.value;
    },
    /** Reads what is left, for its digest. */
    async isWrong(): Promise<boolean> {
      if (!isChecked) return false;
      while ((await next()).done !== true);
      return `sha256:${hash.digest('hex')}` !== layer.digest;
    },
  };
}

/** A layer of less than this may unfold as it likes. */
const harmlessBytes = 1024 * 1024 * 1024;
/** Files of programs shrink to a fifth, texts to a twentieth; more than this is made to fill disks. */
const highestRatio = 200;

/** How many bytes a layer of that size, as it lies there, may unfold to: CAMBIUM_MAX_LAYER_BYTES, where it is set. */
function inflateLimit(packedBytes: number): number {
  const told = Number(process.env['CAMBIUM_MAX_LAYER_BYTES']);
  return told > 0 ? told : Math.max(harmlessBytes, packedBytes * highestRatio);
}
