/** Layers of an image: one a snapshot, made when they are asked for, at most two at once, and remembered. */
import type { Digest } from '../kit/digest.ts';
import { explainSystemError, outside } from '../kit/errors.ts';
import { type PackOptions, packTar } from '../kit/tar/pack.ts';
import type { Change } from '../kit/tree.ts';
import type { SnapshotId } from '../plan/index.ts';
import type { Store } from '../store/store.ts';
import { fileBlob, hasBlob, touchBlob } from './blobs.ts';
import { abortOf, type ImageContext } from './context.ts';
import { type LayerOptions, layerMembers } from './layer-members.ts';
import { storedForm, storePlain } from './packed-layers.ts';

export interface Layer {
  /** SHA-256 of the uncompressed archive. */
  diffId: Digest;
  size: number;
  /** Without any member: left out of images. */
  empty: boolean;
}

export interface SnapshotLayer extends Layer {
  snapshot: SnapshotId;
}

export interface LayersRequest extends LayerOptions {
  snapshot: SnapshotId;
  /**
   * Whether the layers' bytes are needed in the store; without, only their digests are found out. `new`: of those that
   * have to be made anyway; a set: of those too, and of these.
   */
  blobs: boolean | 'new' | ReadonlySet<Digest>;
  /** Keeps the bytes of layers that have to be made in a form of its own, instead of a plain blob. */
  keep?: LayerKeeper;
  onProgress?: (message: string) => void;
}

/** Has the layer made, and takes its bytes while that goes on. */
export type LayerKeeper = (
  context: ImageContext,
  make: (output: PackOptions['output']) => Promise<Layer>,
) => Promise<Layer>;

/** Layers that came from elsewhere keep their bytes, whatever is said of times: so their digests stay. */
export const importedVariant = 'imported';

const parallelLayers = 2;

/** One layer from changes: hashed, and written to `output` when that is given. */
export async function makeLayer(
  changes: Iterable<Change>,
  options: LayerOptions,
  sink: Pick<PackOptions, 'output' | 'signal'> = {},
): Promise<Layer> {
  const packed = await packTar(layerMembers(changes, options), { ...sink, hash: true });
  return { diffId: packed.digest as Digest, size: packed.size, empty: packed.members === 0 };
}

/** The layers of a snapshot and all it stands on, the lowest first, empty ones too. */
export async function layersOf(context: ImageContext, request: LayersRequest): Promise<SnapshotLayer[]> {
  const lineage = context.snapshots.lineage(request.snapshot);
  const known = lineage.map((snapshot) => knownLayer(context.store, snapshot, request));
  const missing = lineage.map((_, index) => index).filter((index) => known[index] === undefined);
  let done = 0;
  const work = async () => {
    for (let index = missing.shift(); index !== undefined; index = missing.shift()) {
      known[index] = await newLayer(context, lineage[index] as SnapshotId, request);
      request.onProgress?.(`layer ${++done} made, ${missing.length} to go`);
    }
  };
  // Each of them ends before an error goes on: nobody writes into the store after that.
  const outcomes = await Promise.allSettled(Array.from({ length: parallelLayers }, work));
  for (const outcome of outcomes)
    if (outcome.status === 'rejected') throw explainSystemError(outcome.reason, 'making a layer');
  return lineage.map((snapshot, index) => ({ snapshot, ...(known[index] as Layer) }));
}

function variantOf({ root, clampSeconds }: LayerOptions): string {
  return clampSeconds === undefined ? root : `${root} clamped to ${clampSeconds}`;
}

function knownLayer(store: Store, snapshot: SnapshotId, request: LayersRequest): Layer | undefined {
  const imported = request.root === '/' ? findLayer(store, snapshot, importedVariant) : undefined;
  const layer = imported ?? findLayer(store, snapshot, variantOf(request));
  if (layer === undefined || layer.empty || !needsBlob(request, layer.diffId)) return layer;
  if (hasBlob(store, layer.diffId)) {
    touchBlob(store, layer.diffId);
    return layer;
  }
  if (imported === undefined || storedForm(store, layer.diffId) !== undefined) return undefined;
  throw outside('missing-blob', `The imported layer ${layer.diffId} is no longer in the store.`, {
    hint: 'Import its image again.',
  });
}

function needsBlob({ blobs }: LayersRequest, diffId: Digest): boolean {
  return typeof blobs === 'object' ? blobs.has(diffId) : blobs === true;
}

export function findLayer(store: Store, snapshot: SnapshotId, variant: string): Layer | undefined {
  const row = store.db
    .prepare('SELECT diff_id, size, empty FROM layers WHERE snapshot = ? AND variant = ?')
    .get(snapshot, variant) as { diff_id: string; size: number; empty: number } | undefined;
  return row && { diffId: row.diff_id as Digest, size: row.size, empty: row.empty === 1 };
}

export function rememberLayer(store: Store, snapshot: SnapshotId, variant: string, layer: Layer): void {
  store.db
    .prepare('INSERT OR REPLACE INTO layers (snapshot, variant, diff_id, size, empty) VALUES (?, ?, ?, ?, ?)')
    .run(snapshot, variant, layer.diffId, layer.size, layer.empty ? 1 : 0);
}

async function newLayer(context: ImageContext, snapshot: SnapshotId, request: LayersRequest): Promise<Layer> {
  const { store, snapshots } = context;
  const imported = request.root === '/' ? findLayer(store, snapshot, importedVariant) : undefined;
  const kept = imported && storedForm(store, imported.diffId);
  if (imported && kept) {
    await storePlain(context, kept, 'the store');
    return imported;
  }
  const make = (output?: PackOptions['output']) =>
    makeLayer(snapshots.changes(snapshot), request, {
      ...(output === undefined ? {} : { output }),
      ...abortOf(context),
    });
  const keep = request.keep ?? keepPlain;
  const layer = request.blobs ? await keep(context, make) : await make();
  rememberLayer(store, snapshot, variantOf(request), layer);
  return layer;
}

const keepPlain: LayerKeeper = async (context, make) => {
  const { layer } = await fileBlob(context, async (output) => {
    const made = await make(output);
    return { digest: made.diffId, size: made.size, keep: !made.empty, layer: made };
  });
  return layer;
};
