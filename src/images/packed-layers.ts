/**
 * Layers that came packed are kept as they came: a push sends the very same bytes, and nothing is written twice. Their
 * plain tars are read from those, and made into blobs only when something asks for such.
 */
import { createHash } from 'node:crypto';
import { createReadStream, write } from 'node:fs';
import { promisify } from 'node:util';
import type { Digest } from '../kit/digest.ts';
import { decompress } from '../kit/tar/decompress.ts';
import type { Store } from '../store/store.ts';
import { blobPath, fileBlob, hasBlob } from './blobs.ts';
import type { ImageContext } from './context.ts';
import { unfoldLimit, wrongDigest } from './incoming.ts';
import { packedForms } from './registry/records.ts';

const writeAt = promisify(write);

/** A layer as a file of the store, in whatever form. */
export interface PackedFile {
  /** Of the uncompressed tar. */
  diffId: Digest;
  /** Host path. */
  path: string;
  /** Of the file. */
  packedBytes: number;
}

/** A form of the layer whose bytes are in the store. */
export function storedForm(store: Store, diffId: Digest): (PackedFile & { digest: Digest }) | undefined {
  const form = packedForms(store.db, diffId).find(({ digest }) => hasBlob(store, digest));
  return form && { diffId, digest: form.digest, path: blobPath(store, form.digest), packedBytes: form.size };
}

/** A layer's tar while it is read, hashed on the way. */
export interface PlainStream extends AsyncDisposable {
  chunks: AsyncIterable<Buffer>;
  /** Reads what is left, and checks the digest; returns the bytes of all of it. Throws again what reading threw. */
  finish(place: string): Promise<number>;
}

export function plainStream({ store, signal }: ImageContext, file: PackedFile): PlainStream {
  const packed = createReadStream(file.path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>;
  const iterator = decompress(packed, unfoldLimit(store, file.packedBytes));
  const hash = createHash('sha256');
  let size = 0;
  let failure: { error: unknown } | undefined;
  const next = async (): Promise<IteratorResult<Buffer, unknown>> => {
    if (failure !== undefined) throw failure.error;
    try {
      const result = await iterator.next();
      signal?.throwIfAborted();
      if (result.done === true) return result;
      hash.update(result.value);
      size += result.value.length;
      return result;
    } catch (error) {
      failure = { error };
      throw error;
    }
  };
  return {
    // Without `return`: who ends early may still ask for the digest.
    chunks: { [Symbol.asyncIterator]: () => ({ next }) },
    async finish(place) {
      while ((await next()).done !== true);
      if (`sha256:${hash.digest('hex')}` !== file.diffId)
        throw wrongDigest(`The layer ${file.diffId}`, place);
      return size;
    },
    async [Symbol.asyncDispose]() {
      await iterator.return(undefined);
    },
  };
}

/** Makes the layer's plain tar a blob of the store too; returns its size. */
export async function storePlain(context: ImageContext, file: PackedFile, place: string): Promise<number> {
  const { size } = await fileBlob(context, async (fd) => {
    await using plain = plainStream(context, file);
    let at = 0;
    for await (const chunk of plain.chunks) {
      for (let done = 0; done < chunk.length; )
        done += (await writeAt(fd, chunk, done, chunk.length - done, at + done)).bytesWritten;
      at += chunk.length;
    }
    return { digest: file.diffId, size: await plain.finish(place) };
  });
  return size;
}
