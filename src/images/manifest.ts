/** An image as OCI has it: configuration and manifest, the same bytes for the same image. */
import { canonicalJson, type Digest, sha256 } from '../kit/digest.ts';
import type { SnapshotId } from '../plan/index.ts';
import { findSnapshot } from '../store/snapshots.ts';
import type { ImageContext } from './context.ts';
import { type LayerKeeper, layersOf, type SnapshotLayer } from './layers.ts';
import { type HistoryItem, type Image, setManifest } from './records.ts';

export const mediaTypes = {
  config: 'application/vnd.oci.image.config.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
} as const;

/** A part of an image whose bytes are made here. */
export interface SmallBlob {
  digest: Digest;
  bytes: Buffer;
}

export interface ComposedImage {
  manifest: SmallBlob;
  config: SmallBlob;
  /** Layers that hold something, the lowest first. */
  layers: SnapshotLayer[];
}

export interface ComposeOptions {
  /** SOURCE_DATE_EPOCH, in seconds. */
  clampSeconds?: number;
  /** Whether the layers' bytes are needed too; `new`: of those that have to be made anyway. */
  blobs: boolean | 'new';
  keep?: LayerKeeper;
  onProgress?: (message: string) => void;
}

/** Makes manifest and configuration, and the layers that they need; notes the manifest's digest with the image. */
export async function composeImage(
  context: ImageContext,
  image: Image,
  options: ComposeOptions,
): Promise<ComposedImage> {
  const all = await layersOf(context, { ...options, snapshot: image.snapshot, root: image.root });
  const layers = all.filter((layer) => !layer.empty);
  const created = timeText(
    options.clampSeconds === undefined ? image.createdMs : options.clampSeconds * 1000,
  );
  const config = small({
    created,
    author: image.author,
    architecture: image.platform.architecture,
    os: image.platform.os,
    variant: image.platform.variant,
    config: image.config,
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: historyOf(context, image, all).map((item) => ({
      created: options.clampSeconds === undefined ? (item.created ?? created) : created,
      created_by: item.createdBy,
      author: item.author,
      comment: item.comment,
      empty_layer: item.isEmpty ? true : undefined,
    })),
  });
  const manifest = small({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: descriptor(mediaTypes.config, config),
    layers: layers.map(({ diffId, size }) => ({ mediaType: mediaTypes.layer, digest: diffId, size })),
  });
  setManifest(context.store.db, image.id, manifest.digest);
  return { manifest, config, layers };
}

export function small(value: unknown): SmallBlob {
  const bytes = Buffer.from(canonicalJson(value));
  return { bytes, digest: sha256(bytes) };
}

export function descriptor(
  mediaType: string,
  blob: SmallBlob,
): { mediaType: string; digest: Digest; size: number } {
  return { mediaType, digest: blob.digest, size: blob.bytes.length };
}

/** Milliseconds since the Unix epoch → RFC 3339. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}

export interface HistoryLine extends HistoryItem {
  /** Whether it has no layer in the image. */
  isEmpty: boolean;
  layer?: SnapshotLayer;
}

/**
 * The image's history, the oldest first: one line for each layer, in their order (readers count on that), and between
 * them those of the configuration. A snapshot that the record doesn't name is told by its title.
 */
export function historyOf(
  context: ImageContext,
  image: Image,
  layers: readonly SnapshotLayer[],
): HistoryLine[] {
  const lines: HistoryLine[] = [];
  let next = 0;
  const addUpTo = (end: number) => {
    for (; next < end; next++)
      lines.push(
        layerLine(layers[next] as SnapshotLayer, untold(context, layers[next]?.snapshot as SnapshotId)),
      );
  };
  for (const item of image.history) {
    const index = layers.findIndex(({ snapshot }, at) => at >= next && snapshot === item.snapshot);
    if (index === -1) {
      lines.push({ ...item, isEmpty: true });
    } else {
      addUpTo(index);
      lines.push(layerLine(layers[index] as SnapshotLayer, item));
      next = index + 1;
    }
  }
  addUpTo(layers.length);
  return lines;
}

function layerLine(layer: SnapshotLayer, item: HistoryItem): HistoryLine {
  return { ...item, isEmpty: layer.empty, layer };
}

function untold(context: ImageContext, snapshot: SnapshotId): HistoryItem {
  return { createdBy: findSnapshot(context.store.db, snapshot)?.title ?? '', snapshot };
}
