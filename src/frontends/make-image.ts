/** What becomes of a plan's result: an image with its tags in the store, and the outputs that were asked for. */

import {
  composeImage,
  type HistoryItem,
  type ImageContext,
  saveImage,
  shortName,
  tagsOf,
  writeOutput,
} from '../images/index.ts';
import type { Digest } from '../kit/digest.ts';
import type { ImageConfig, Plan, SnapshotId } from '../plan/index.ts';
import { lineageOf } from '../store/snapshots.ts';
import type { LocalWorker } from '../workers/local/index.ts';
import type { BuildRequest } from './build-request.ts';

export interface MadeImage {
  imageId: string;
  /** Of the OCI manifest, where it was asked for or an output needed it. */
  digest?: Digest;
  tags: readonly string[];
}

/** `open` opens the worker's snapshots: only needed when layers are. */
export async function makeImage(
  request: BuildRequest,
  plan: Plan,
  snapshot: SnapshotId,
  open: () => Promise<LocalWorker>,
): Promise<MadeImage> {
  const { store, outputs, onEvent, signal } = request;
  const image = saveImage(
    store.db,
    {
      snapshot,
      root: plan.image.root,
      config: withLabels(plan.image.config, request.labels),
      platform: plan.image.platform,
      history: historyOf(request, plan, snapshot),
    },
    request.tags,
  );
  const made: MadeImage = { imageId: image.id, tags: request.tags };
  if (outputs.length === 0 && !request.needDigest) return made;
  const context: ImageContext = { store, snapshots: (await open()).snapshots };
  const clamp = request.sourceDateEpoch === undefined ? {} : { clampSeconds: request.sourceDateEpoch };
  for (const output of outputs) {
    await writeOutput(context, image, output, {
      ...clamp,
      tags: tagsOf(store.db, image.id).map(shortName),
      onEvent,
      signal,
    });
  }
  const { manifest } = await composeImage(context, image, { ...clamp, blobs: false });
  return { ...made, digest: manifest.digest };
}

function withLabels(config: ImageConfig, labels: Readonly<Record<string, string>>): ImageConfig {
  return Object.keys(labels).length === 0 ? config : { ...config, Labels: { ...config.Labels, ...labels } };
}

/** Each snapshot of the image by what made it, and the plan's words for it where the plan has the step. */
function historyOf({ store }: BuildRequest, plan: Plan, snapshot: SnapshotId): HistoryItem[] {
  const words = new Map(
    plan.steps.flatMap(({ title, history }) => (history ? [[title, history.createdBy] as const] : [])),
  );
  return lineageOf(store.db, snapshot)
    .reverse()
    .map(({ id, title, createdMs }) => ({
      createdBy: words.get(title) ?? title,
      snapshot: id,
      created: new Date(createdMs).toISOString(),
    }));
}
