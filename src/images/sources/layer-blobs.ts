/**
 * Brings a foreign layer into the store's blobs: as it came where that is a form to keep, checked against its digest; or
 * else uncompressed, checked against both of its digests on the way.
 */
import { createHash } from 'node:crypto';
import { write } from 'node:fs';
import { promisify } from 'node:util';
import type { Digest } from '../../kit/digest.ts';
import { explainSystemError, UserError } from '../../kit/errors.ts';
import { decompress } from '../../kit/tar/decompress.ts';
import { blobPath, fileBlob, hasBlob, touchBlob } from '../blobs.ts';
import type { ImageContext } from '../context.ts';
import { unfoldLimit, wrongDigest } from '../incoming.ts';
import { type PackedFile, storedForm } from '../packed-layers.ts';
import { saveChecked } from '../registry/download.ts';
import type { PackedLayer } from '../registry/records.ts';
import type { LayerBlob } from './described.ts';

const writeAt = promisify(write);

/** The uncompressed tar, checked. */
export interface PlainFile {
  diffId: Digest;
  /** Host path. */
  path: string;
  size: number;
}

/** `unproven`: a form of which nobody has seen yet that it unpacks to what it should. */
export type StoredLayer = PlainFile | (PackedFile & { unproven?: PackedLayer });

/** Makes sure that the layer lies in the store, whole. */
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
  const kept = storedForm(store, diffId);
  if (kept !== undefined) {
    touchBlob(store, kept.digest);
    return kept;
  }
  try {
    if (layer.form !== undefined) return await keepForm(context, layer, layer.form);
    const { size } = await fileBlob(context, (fd) => copyChecked(context, layer, place, fd));
    return { diffId, path, size };
  } catch (error) {
    throw explainSystemError(error, `importing ${place}`);
  }
}

async function keepForm(
  context: ImageContext,
  { diffId, file }: LayerBlob,
  form: PackedLayer,
): Promise<StoredLayer> {
  const { store, signal } = context;
  const { digest, size } = form;
  if (hasBlob(store, digest)) touchBlob(store, digest);
  else await fileBlob(context, (fd) => saveChecked(file.stream(signal), fd, { digest }));
  return { diffId, path: blobPath(store, digest), packedBytes: size, unproven: form };
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
  const limit = unfoldLimit(context.store, layer.file.size);
  let size = 0;
  try {
    for await (const chunk of decompress(source.chunks(), limit)) {
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
