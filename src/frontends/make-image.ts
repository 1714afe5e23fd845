/** What becomes of a plan's result: an image with its tags in the store, and the outputs that were asked for. */

import {
  compose,
  findBroughtIn,
  type HistoryItem,
  hostPlatform,
  type Image,
  type ImageContext,
  type ImageState,
  isPlatform,
  layoutHistory,
  saveImage,
  saveIndex,
  shortName,
  tagsOf,
  topOf,
  writeOutput,
} from '../images/index.ts';
import type { Digest } from '../kit/digest.ts';
import { wrongUse } from '../kit/errors.ts';
import type { ImageConfig, Plan, PlanResult, SnapshotId, Step, StepId } from '../plan/index.ts';
import { lineageOf, type SnapshotRow } from '../store/snapshots.ts';
import type { Store } from '../store/store.ts';
import type { LocalWorker } from '../workers/local/index.ts';
import type { BuildRequest } from './build-request.ts';

export interface MadeImage {
  imageId: string;
  /** Of the OCI manifest, where it was asked for or an output needed it. */
  digest?: Digest;
  tags: readonly string[];
}

/** `snapshots` are those of the plan's results; `open` opens the worker's snapshots: only needed when layers are. */
export async function makeImage(
  request: BuildRequest,
  plan: Plan,
  snapshots: readonly SnapshotId[],
  state: ImageState,
  open: () => Promise<LocalWorker>,
): Promise<MadeImage> {
  const { store, outputs, onEvent, signal } = request;
  const image = saveResults(request, plan, snapshots, state);
  const made: MadeImage = { imageId: image.id, tags: request.tags };
  if (outputs.length === 0 && !request.needDigest) return made;
  if (state === 'warm' && !request.allowWarm && outputs.some(({ type }) => type === 'registry')) {
    throw wrongUse('warm-image', 'The image is built, and not sent: no clean build has confirmed it.', {
      hint: 'Confirm and send it with `cambium verify --push`, or send it as it is with --allow-warm.',
    });
  }
  const context: ImageContext = { store, snapshots: (await open()).snapshots };
  const clamp = request.sourceDateEpoch === undefined ? {} : { clampSeconds: request.sourceDateEpoch };
  let sent: Digest | undefined;
  for (const output of outputs) {
    const isRegistry = output.type === 'registry';
    // Other outputs get all names that the image has; into registries goes what this build was told.
    const names = isRegistry && !output.names?.length ? { names: request.tags } : {};
    const { digest } = await writeOutput(
      context,
      image,
      { ...output, ...names },
      { ...clamp, tags: tagsOf(store.db, image.id).map(shortName), onEvent, signal },
    );
    if (isRegistry) sent = digest;
  }
  // What others can fetch it by says more than what it would be as it lies here.
  if (sent !== undefined) return { ...made, digest: sent };
  const { blob } = topOf(await compose(context, image, { ...clamp, blobs: false }));
  return { ...made, digest: blob.digest };
}

/** One image, or an index with one for each of the plan's platforms. */
function saveResults(
  request: BuildRequest,
  plan: Plan,
  snapshots: readonly SnapshotId[],
  state: ImageState,
): Image {
  const { db } = request.store;
  const results: PlanResult[] = [plan, ...(plan.others ?? [])];
  const tags = results.length === 1 ? request.tags : [];
  const images: Image[] = [];
  for (const [at, wanted] of results.entries()) {
    const { root, config: plain, platform, author } = wanted.image;
    const snapshot = snapshots[at] as SnapshotId;
    const history = historyOf(request, plan, wanted, snapshot);
    const config = withLabels(plain, request.labels);
    const facts = {
      state,
      snapshot,
      root,
      config,
      platform,
      history,
      ...(author !== undefined && { author }),
    };
    images.push(saveImage(db, facts, tags));
  }
  const [first] = images as [Image];
  if (images.length === 1) return first;
  const own = images.find(({ platform }) => isPlatform(platform, hostPlatform()));
  return saveIndex(db, images, own ?? first, request.tags);
}

function withLabels(config: ImageConfig, labels: Readonly<Record<string, string>>): ImageConfig {
  return Object.keys(labels).length === 0 ? config : { ...config, Labels: { ...config.Labels, ...labels } };
}

/** What the plan says of itself, on top of what it started from; without that, each snapshot by what made it. */
function historyOf(
  { store }: BuildRequest,
  plan: Plan,
  wanted: PlanResult,
  snapshot: SnapshotId,
): HistoryItem[] {
  const lineage = lineageOf(store.db, snapshot);
  const { history } = wanted.image;
  if (history === undefined) return lineage.map((row) => itemOf(row, wordsOf(plan))).reverse();
  // Each step of the image has one snapshot on that of its base: so the two chains run side by side.
  const snapshots = new Map<StepId, SnapshotRow>();
  const steps = new Map(plan.steps.map((step) => [step.id, step]));
  const isWarm = lineage[0]?.kind !== 'clean';
  let below = 0;
  let source: Step | undefined;
  for (let step = steps.get(wanted.result); step !== undefined; step = step.base && steps.get(step.base)) {
    if (step.op.type === 'source') source = step;
    else {
      // What warm rebuilds added comes on top of the step's own.
      while (lineage[below]?.kind === 'delta') below += 1;
      const row = lineage[below];
      // A step that came into the build file later has no snapshot in a warm image.
      if (row === undefined || (isWarm && row.title !== step.title)) continue;
      snapshots.set(step.id, row);
      below += 1;
    }
  }
  const own = history.map(({ createdBy, step, comment }): HistoryItem => {
    const row = step === undefined ? undefined : snapshots.get(step);
    return {
      createdBy,
      ...(row && { snapshot: row.id, created: new Date(row.createdMs).toISOString() }),
      ...(comment !== undefined && { comment }),
    };
  });
  return [...(source ? inherited(store, source, lineage.slice(below)) : []), ...own];
}

/** The history of an image that a build started from. */
function inherited(store: Store, { op }: Step, lineage: readonly SnapshotRow[]): HistoryItem[] {
  if (op.type === 'source' && op.source.type === 'image') {
    const image = findBroughtIn(store, op.source);
    if (image?.snapshot === lineage[0]?.id) return [...(image?.history ?? [])];
  }
  if (op.type === 'source' && op.source.type === 'oci-layout') {
    const own = layoutHistory(op.source, lineage.map(({ id }) => id).reverse());
    if (own !== undefined) return own;
  }
  return lineage.map((row) => itemOf(row, new Map())).reverse();
}

function wordsOf(plan: Plan): Map<string, string> {
  return new Map(
    plan.steps.flatMap(({ title, history }) => (history ? [[title, history.createdBy] as const] : [])),
  );
}

function itemOf({ id, title, createdMs }: SnapshotRow, words: ReadonlyMap<string, string>): HistoryItem {
  return { createdBy: words.get(title) ?? title, snapshot: id, created: new Date(createdMs).toISOString() };
}
