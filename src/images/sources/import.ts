/**
 * Turns what comes from elsewhere into snapshots: one for each layer of an image, filed under a key over the parent's
 * key and the layer's digest, so that images share what they share; one for a tar or a folder.
 */
import { createReadStream } from 'node:fs';
import { copyMetadata } from '../../kit/copy-node.ts';
import { copyTree } from '../../kit/copy-tree.ts';
import { canonicalJson, type Digest, hexOf, sha256 } from '../../kit/digest.ts';
import { explainSystemError, UserError } from '../../kit/errors.ts';
import { decompress } from '../../kit/tar/decompress.ts';
import { brokenIn } from '../../kit/tar/format.ts';
import { streamInput } from '../../kit/tar/input.ts';
import { unpackLayerStream } from '../../kit/tar/layer-stream.ts';
import { unpackLayer, unpackTar } from '../../kit/tar/unpack.ts';
import { readEntry } from '../../kit/walk.ts';
import type { SnapshotId, StepKey } from '../../plan/index.ts';
import { blobPath } from '../blobs.ts';
import { abortOf, type ImageContext } from '../context.ts';
import { unfoldLimit } from '../incoming.ts';
import { findLayer, importedVariant, rememberLayer } from '../layers.ts';
import { type PackedFile, plainStream, storePlain } from '../packed-layers.ts';
import type { SnapshotWriter } from '../ports.ts';
import type { HistoryItem } from '../records.ts';
import { rememberForm } from '../registry/records.ts';
import type { DescribedImage, OciHistory } from './described.ts';
import { fetchAhead } from './fetch-ahead.ts';
import type { PlainFile, StoredLayer } from './layer-blobs.ts';

/** What an import is made with. */
export interface Importing {
  context: ImageContext;
  writer: SnapshotWriter;
  /** Names the stage in lists of snapshots. */
  stage: string;
  onProgress?: (message: string) => void;
}

export interface ImportedTree {
  snapshot: SnapshotId;
  history: readonly HistoryItem[];
}

function keyOf(facts: Record<string, string | null>): StepKey {
  return hexOf(sha256(canonicalJson({ import: 1, ...facts }))) as StepKey;
}

/** Imports the layers of an image, each while the next are fetched. Nothing of a layer becomes a snapshot before all of it was checked. */
export async function importLayers(
  importing: Importing,
  image: DescribedImage,
  place: string,
): Promise<ImportedTree> {
  const history = alignHistory(image);
  const keys: StepKey[] = [];
  for (const { diffId } of image.layers) keys.push(keyOf({ layer: diffId, parent: keys.at(-1) ?? null }));
  let snapshot: SnapshotId | undefined;
  await using fetched = fetchAhead(importing.context, image.layers, place);
  for (const [at, key] of keys.entries()) {
    importing.onProgress?.(`layer ${at + 1} of ${image.layers.length}`);
    const title = history.find((line) => line.layer === at)?.createdBy ?? `layer ${at + 1} of ${place}`;
    const layer = await fetched.layer(at);
    snapshot = await importLayer(importing, layer, place, { key, parent: snapshot, title });
    for (const line of history) if (line.layer === at) line.snapshot = snapshot;
  }
  snapshot ??= await importing.writer.make(
    { key: keyOf({ empty: 'root' }), parent: undefined, stage: importing.stage, title: 'empty root' },
    async (root) => plainRoot(root),
  );
  return { snapshot, history: history.map(({ layer: _, ...item }) => item) };
}

interface LayerStep {
  key: StepKey;
  parent: SnapshotId | undefined;
  title: string;
}

async function importLayer(
  importing: Importing,
  layer: StoredLayer,
  place: string,
  step: LayerStep,
): Promise<SnapshotId> {
  if (!('packedBytes' in layer)) return importPlain(importing, layer, place, step);
  const { context, writer, stage } = importing;
  const { store } = context;
  const { diffId, unproven } = layer;
  let size: number | undefined;
  let isMixed = false;
  const unpacking = writer.make({ ...step, stage }, async (root) => {
    if (step.parent === undefined) plainRoot(root);
    await unpack(async () => {
      size = await unpackPacked(context, layer, root, place);
    }, place);
    isMixed = size === undefined;
    if (isMixed) throw new Error('the workspace is thrown away');
  });
  const snapshot = await unpacking.catch((error) => {
    if (!isMixed) throw error;
    return undefined;
  });
  if (snapshot === undefined) {
    const path = blobPath(store, diffId);
    const plain = { diffId, path, size: await storePlain(context, layer, place) };
    if (unproven !== undefined) rememberForm(store.db, diffId, unproven);
    return importPlain(importing, plain, place, step);
  }
  // The snapshot was there: that the form unpacks to the same hasn't shown yet.
  if (size === undefined && (unproven !== undefined || !findLayer(store, snapshot, importedVariant))) {
    await using plain = plainStream(context, layer);
    size = await plain.finish(place);
  }
  if (unproven !== undefined) rememberForm(store.db, diffId, unproven);
  if (size !== undefined) rememberLayer(store, snapshot, importedVariant, { diffId, size, empty: false });
  return snapshot;
}

/** Unpacks while it is inflated and hashed; returns the tar's bytes, or undefined when only two passes do it right. */
async function unpackPacked(
  context: ImageContext,
  layer: PackedFile,
  root: string,
  place: string,
): Promise<number | undefined> {
  await using plain = plainStream(context, layer);
  try {
    const options = { allowMissingEnd: true, ...abortOf(context) };
    if (!(await unpackLayerStream(streamInput(plain.chunks), root, options))) return undefined;
  } catch (error) {
    // What is no tar may be no layer of this digest either, which says more.
    if (error instanceof UserError && error.code === 'broken-tar') await plain.finish(place);
    throw error;
  }
  return await plain.finish(place);
}

async function importPlain(
  { context, writer, stage }: Importing,
  { path, size, diffId }: PlainFile,
  place: string,
  step: LayerStep,
): Promise<SnapshotId> {
  const snapshot = await writer.make({ ...step, stage }, async (root) => {
    if (step.parent === undefined) plainRoot(root);
    // The digest vouches for the end of the archive.
    await unpack(() => unpackLayer(path, root, { allowMissingEnd: true, ...abortOf(context) }), place);
  });
  rememberLayer(context.store, snapshot, importedVariant, { diffId, size, empty: false });
  return snapshot;
}

/** Imports a root filesystem from a tar, compressed or not; `digest` is that of the file. */
export async function importTarball(
  importing: Importing,
  path: string,
  digest: Digest,
): Promise<ImportedTree> {
  const { context, writer, stage } = importing;
  const title = `from ${path.replace(/^.*\//, '')}`;
  const snapshot = await writer.make(
    { key: keyOf({ tarball: digest }), parent: undefined, stage, title },
    async (root) => {
      plainRoot(root);
      const packed = createReadStream(path, { highWaterMark: 1024 * 1024 });
      const plain = decompress(packed, unfoldLimit(context.store));
      await unpack(() => unpackTar(streamInput(plain), root, abortOf(context)), path);
    },
  );
  return { snapshot, history: [{ createdBy: title, snapshot }] };
}

/** Imports a root filesystem from a folder of the host; `digest` is that of its content. */
export async function importFolder(
  importing: Importing,
  path: string,
  digest: Digest,
): Promise<ImportedTree> {
  const title = `from ${path.replace(/^.*\/(?=.)/, '')}`;
  const request = { key: keyOf({ folder: digest }), parent: undefined, stage: importing.stage, title };
  const snapshot = await importing.writer.make(request, (root) =>
    unpack(() => copyFolder(importing.context, path, root), path),
  );
  return { snapshot, history: [{ createdBy: title, snapshot }] };
}

async function copyFolder({ signal }: ImageContext, from: string, root: string): Promise<void> {
  await copyTree(from, root, { signal });
  // It may be reached through a link.
  copyMetadata(readEntry(`${from}/.`, ''), root);
}

/** A root folder that nothing is said of: not of the time it happens to be made. */
function plainRoot(root: string): void {
  copyMetadata({ path: '', type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, mtimeNs: 0n }, root);
}

async function unpack(body: () => Promise<void>, place: string): Promise<void> {
  try {
    await body();
  } catch (error) {
    throw brokenIn(place, explainSystemError(error, `unpacking ${place}`));
  }
}

/** History lines with the index of the layer each stands for; extra lines are taken for changes of the configuration. */
export function alignHistory(image: DescribedImage): (HistoryItem & { layer?: number })[] {
  let next = 0;
  return image.history.map((line) => {
    const hasLayer = line.empty_layer !== true && next < image.layers.length;
    return { ...toItem(line), ...(hasLayer ? { layer: next++ } : {}) };
  });
}

function toItem(line: OciHistory): HistoryItem {
  return {
    createdBy: line.created_by ?? '',
    ...(line.created ? { created: line.created } : {}),
    ...(line.author ? { author: line.author } : {}),
    ...(line.comment ? { comment: line.comment } : {}),
  };
}
