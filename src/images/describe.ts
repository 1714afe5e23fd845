/** What `image inspect` and `image history` tell. */
import type { Digest } from '../kit/digest.ts';
import type { ImageConfig, Platform, StepUsage } from '../plan/index.ts';
import { usageOf } from '../store/snapshots.ts';
import type { ImageContext } from './context.ts';
import { compose, topOf } from './indexes.ts';
import { layersOf } from './layers.ts';
import { composeImage, historyOf, timeText } from './manifest.ts';
import type { Image, ImageState } from './records.ts';
import { shortName } from './references.ts';
import { tagsOf } from './tags.ts';

export interface ImageFacts {
  id: string;
  tags: string[];
  /** Digest of the OCI manifest. */
  digest: Digest;
  created: string;
  /** Whether it is what a clean build gives. */
  state: ImageState;
  platform: Platform;
  config: ImageConfig;
  /** Folder of the snapshot that is the image's root. */
  root: string;
  snapshot: string;
  layers: { digest: Digest; sizeBytes: number }[];
  sizeBytes: number;
}

/** An image of several platforms. */
export interface IndexFacts {
  id: string;
  tags: string[];
  /** Digest of the OCI index. */
  digest: Digest;
  created: string;
  images: ImageFacts[];
}

/** All facts of an image, or of an index and its images. */
export async function inspectAny(context: ImageContext, image: Image): Promise<ImageFacts | IndexFacts> {
  if (image.members === undefined) return inspectImage(context, image);
  const images: ImageFacts[] = [];
  for (const member of image.members) images.push(await inspectImage(context, member));
  const { blob } = topOf(await compose(context, image, { blobs: false }));
  return {
    id: image.id,
    tags: tagsOf(context.store.db, image.id).map(shortName),
    digest: blob.digest,
    created: timeText(image.createdMs),
    images,
  };
}

/** All of an image's facts. Hashes layers that weren't asked for before; stores none. */
export async function inspectImage(context: ImageContext, image: Image): Promise<ImageFacts> {
  const composed = await composeImage(context, image, { blobs: false });
  const layers = composed.layers.map(({ diffId, size }) => ({ digest: diffId, sizeBytes: size }));
  return {
    id: image.id,
    tags: tagsOf(context.store.db, image.id).map(shortName),
    digest: composed.manifest.digest,
    created: timeText(image.createdMs),
    state: image.state,
    platform: image.platform,
    config: image.config,
    root: image.root,
    snapshot: image.snapshot,
    layers,
    sizeBytes: layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}

export interface HistoryFact {
  createdBy: string;
  created: string;
  /** Bytes of the layer; 0 where the configuration alone was changed. */
  sizeBytes: number;
  digest?: Digest;
  comment?: string;
  /** What the command that made it used, when it ran in this store. */
  usage?: StepUsage;
}

/** How an image came about, the newest first. */
export async function imageHistory(context: ImageContext, image: Image): Promise<HistoryFact[]> {
  const layers = await layersOf(context, { snapshot: image.snapshot, root: image.root, blobs: false });
  const lines = historyOf(context, image, layers);
  const usages = usageOf(
    context.store.db,
    lines.flatMap(({ snapshot }) => snapshot ?? []),
  );
  return lines
    .map((line) => ({
      createdBy: line.createdBy,
      created: line.created ?? timeText(image.createdMs),
      sizeBytes: line.layer && !line.isEmpty ? line.layer.size : 0,
      ...(line.layer && !line.isEmpty ? { digest: line.layer.diffId } : {}),
      ...(line.comment === undefined ? {} : { comment: line.comment }),
      ...usageFact(line.snapshot && usages.get(line.snapshot)),
    }))
    .reverse();
}

function usageFact(usage: StepUsage | undefined): { usage?: StepUsage } {
  return usage === undefined ? {} : { usage };
}
