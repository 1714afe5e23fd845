/** The files of an image in OCI image layout, whether they become members of a tar or files of a folder. */
import { canonicalJson, type Digest, hexOf } from '../../kit/digest.ts';
import type { Store } from '../../store/store.ts';
import { blobPath } from '../blobs.ts';
import { type Composed, topOf } from '../indexes.ts';
import { type ComposedImage, descriptor, mediaTypes } from '../manifest.ts';
import { parseReference } from '../references.ts';

/** A file: bytes made here, or a blob of the store. */
export type Part = { name: string; bytes: Buffer } | { name: string; path: string; size: number };

/** One entry of index.json. */
export interface IndexEntry {
  mediaType: string;
  digest: Digest;
  size: number;
  annotations?: Record<string, string>;
  platform?: { os: string; architecture: string };
}

export const layoutFile = Buffer.from('{"imageLayoutVersion":"1.0.0"}');
export const tagAnnotation = 'org.opencontainers.image.ref.name';
const nameAnnotation = 'io.containerd.image.name';

export function blobName(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

/** Configurations, manifests, the index where there is one, and layers: each once. */
export function blobParts(store: Store, composed: Composed): Part[] {
  const images = 'index' in composed ? composed.images : [composed];
  const small = images.flatMap(({ config, manifest }) => [config, manifest]);
  if ('index' in composed) small.push(composed.index);
  const layers = new Map(images.flatMap((image) => image.layers.map(({ diffId, size }) => [diffId, size])));
  return [
    ...new Map(small.map(({ digest, bytes }) => [digest, { name: blobName(digest), bytes }])).values(),
    ...[...layers].map(([diffId, size]) => ({ name: blobName(diffId), path: blobPath(store, diffId), size })),
  ];
}

/** Entries for the image under its `tags` (normalised); without any it is called `latest`. */
export function indexEntries(composed: Composed, tags: readonly string[]): IndexEntry[] {
  const { mediaType, blob } = topOf(composed);
  const plain = descriptor(mediaType, blob);
  if (tags.length === 0) return [{ ...plain, annotations: { [tagAnnotation]: 'latest' } }];
  return tags.map((name) => ({
    ...plain,
    annotations: { [nameAnnotation]: name, [tagAnnotation]: parseReference(name).tag ?? 'latest' },
  }));
}

export function indexFile(entries: readonly IndexEntry[]): Buffer {
  return Buffer.from(canonicalJson({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: entries }));
}

/** What `docker load` reads: where configuration and layers lie, and the image's names. */
function dockerManifest(image: ComposedImage, tags: readonly string[]): Buffer {
  return Buffer.from(
    canonicalJson([
      {
        Config: blobName(image.config.digest),
        // In full: podman takes a short name for one of its own (localhost/…), docker understands both.
        RepoTags: tags,
        Layers: image.layers.map(({ diffId }) => blobName(diffId)),
      },
    ]),
  );
}

/** All members of an image's archive, small ones first: a reader of a stream knows early what comes. */
export function archiveParts(
  store: Store,
  composed: Composed,
  tags: readonly string[],
  docker: boolean,
): Part[] {
  return [
    { name: 'oci-layout', bytes: layoutFile },
    { name: 'index.json', bytes: indexFile(indexEntries(composed, tags)) },
    ...(docker && !('index' in composed)
      ? [{ name: 'manifest.json', bytes: dockerManifest(composed, tags) }]
      : []),
    ...blobParts(store, composed),
  ];
}
