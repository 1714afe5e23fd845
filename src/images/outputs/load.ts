/**
 * Gives an image to the running Docker daemon. Only layers that it lacks travel: a daemon looks for a layer among those it
 * has before it looks into the archive, so the archive may leave them out.
 */
import type { Digest } from '../../kit/digest.ts';
import { UserError } from '../../kit/errors.ts';
import { abortOf, type ImageContext } from '../context.ts';
import { type Daemon, openDaemon } from '../docker/daemon.ts';
import { missingLayers } from '../docker/missing.ts';
import { layersOf } from '../layers.ts';
import { type ComposedImage, composeImage } from '../manifest.ts';
import type { Image } from '../records.ts';
import { streamArchive } from './archive.ts';
import { archiveParts, blobName } from './parts.ts';

export interface LoadRequest {
  context: ImageContext;
  image: Image;
  /** Normalised. */
  tags: readonly string[];
  /** SOURCE_DATE_EPOCH, in seconds. */
  clampSeconds?: number;
  onProgress?: (message: string) => void;
}

/** Loads the image under its tags; tells how many bytes were sent. */
export async function loadIntoDocker(request: LoadRequest): Promise<{ digest: Digest; bytes: number }> {
  const { context, image, tags, onProgress } = request;
  using daemon = openDaemon(abortOf(context));
  // Asked before layers are made: that there is no daemon is known at once.
  const kind = await daemon.store();
  const composed = await composeImage(context, image, { ...pickOptions(request), blobs: 'new' });
  const { digest } = composed.manifest;
  const all = new Set(composed.layers.map(({ diffId }) => diffId));
  const missing = await missingLayers(daemon, kind, { db: context.store.db, layers: composed.layers, tags });
  onProgress?.(`${missing.size} of ${all.size} layers are sent`);
  try {
    return { digest, bytes: await send(daemon, request, composed, missing) };
  } catch (error) {
    // What the daemon had may be gone by now, or be of no use to it.
    const isRefused = error instanceof UserError && error.code === 'docker-load';
    if (!isRefused || missing.size === all.size) throw error;
    onProgress?.('the daemon wants all layers: they are sent');
    return { digest, bytes: await send(daemon, request, composed, all) };
  }
}

function pickOptions({ clampSeconds, onProgress }: LoadRequest) {
  return { ...(clampSeconds !== undefined && { clampSeconds }), ...(onProgress && { onProgress }) };
}

async function send(
  daemon: Daemon,
  request: LoadRequest,
  composed: ComposedImage,
  wanted: ReadonlySet<Digest>,
): Promise<number> {
  const { context, image, tags } = request;
  const { snapshot, root } = image;
  await layersOf(context, { ...pickOptions(request), snapshot, root, blobs: wanted });
  const names = new Set([...wanted].map(blobName));
  const parts = archiveParts(context.store, composed, tags, true);
  const sent = parts.filter((part) => 'bytes' in part || names.has(part.name));
  return daemon.load((output, signal) => streamArchive(sent, output, signal));
}
