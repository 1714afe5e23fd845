/** The forms that a layer has in registries: which one to send, and its bytes. Packed once, and kept. */
import { closeSync, createReadStream, openSync } from 'node:fs';
import type { Digest } from '../../kit/digest.ts';
import { blobPath, fileBlob, hasBlob, touchBlob } from '../blobs.ts';
import { abortOf, type ImageContext } from '../context.ts';
import type { Layer, LayerKeeper } from '../layers.ts';
import { mediaTypes } from '../manifest.ts';
import type { Compression } from './compressions.ts';
import type { Body } from './connect.ts';
import { openGzip } from './gzip.ts';
import { pack } from './pack.ts';
import { type PackedLayer, packedForms, rememberForm } from './records.ts';

export interface PlainLayer {
  diffId: Digest;
  size: number;
}

/** Forms that are known of the layer, those that may be sent first; `force`: only what has that compression. */
export function knownForms(
  { store }: ImageContext,
  { diffId, size }: PlainLayer,
  compression: Compression,
  force: boolean,
): PackedLayer[] {
  if (compression === 'uncompressed' && force) return [plainForm({ diffId, size })];
  const forms = packedForms(store.db, diffId);
  const isWanted = ({ mediaType }: PackedLayer) => compressionOfType(mediaType) === compression;
  return force
    ? forms.filter(isWanted)
    : [...forms.filter(isWanted), ...forms.filter((form) => !isWanted(form))];
}

export function plainForm({ diffId, size }: PlainLayer): PackedLayer {
  return { digest: diffId, size, mediaType: mediaTypes.layer };
}

/** `application/vnd.oci.image.layer.v1.tar+gzip` → `gzip`. */
function compressionOfType(mediaType: string): Compression {
  if (/[+.]gzip$/.test(mediaType)) return 'gzip';
  return /[+.]zstd$/.test(mediaType) ? 'zstd' : 'uncompressed';
}

/** The layer in a form of our own; its tar has to be in the store. */
export async function packLayer(
  context: ImageContext,
  layer: PlainLayer,
  compression: Compression,
): Promise<PackedLayer> {
  if (compression === 'uncompressed') return plainForm(layer);
  const { store } = context;
  const mediaType = `${mediaTypes.layer}+${compression}`;
  const from = openSync(blobPath(store, layer.diffId), 'r');
  try {
    const packed = await fileBlob(context, (to) =>
      pack(compression, from, layer.size, to, abortOf(context).signal),
    );
    const form = { ...packed, mediaType };
    rememberForm(store.db, layer.diffId, form);
    return form;
  } finally {
    closeSync(from);
  }
}

/** Has a layer made and packed with gzip at once, kept in that form alone; none where it is empty. */
export async function makePacked(
  context: ImageContext,
  make: Parameters<LayerKeeper>[1],
): Promise<{ layer: Layer; form?: PackedLayer }> {
  const { layer, digest, size } = await fileBlob(context, async (output) => {
    const packer = openGzip(output, abortOf(context).signal);
    try {
      const made = await make(packer.write);
      return { ...(await packer.end()), keep: !made.empty, layer: made };
    } finally {
      await packer.settled();
    }
  });
  if (layer.empty) return { layer };
  const form = { digest, size, mediaType: `${mediaTypes.layer}+gzip` };
  rememberForm(context.store.db, layer.diffId, form);
  return { layer, form };
}

/** The bytes of a form, where they are in the store. */
export function storedBody({ store }: ImageContext, { digest, size }: PackedLayer): Body | undefined {
  if (!hasBlob(store, digest)) return undefined;
  touchBlob(store, digest);
  return fileBody(blobPath(store, digest), size);
}

function fileBody(path: string, size: number): Body {
  return {
    size,
    stream: (start = 0) =>
      createReadStream(path, { start, highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>,
  };
}

export function bytesBody(bytes: Buffer): Body {
  return {
    size: bytes.length,
    async *stream(start = 0) {
      yield bytes.subarray(start);
    },
  };
}
