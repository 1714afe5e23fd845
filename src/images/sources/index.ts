/** Sources of a build's first step, and `image import`: what they are, and their snapshots. */
import { basename } from 'node:path';
import { parseDigest, sha256 } from '../../kit/digest.ts';
import type { ImageConfig, LocalSource, Platform, SnapshotId, StepKey } from '../../plan/index.ts';
import { fileKey } from '../../store/snapshots.ts';
import type { Store } from '../../store/store.ts';
import type { ImageContext } from '../context.ts';
import { layersOf } from '../layers.ts';
import type { SnapshotWriter } from '../ports.ts';
import { type HistoryItem, type Image, imageByOrigin, saveImage, saveIndex } from '../records.ts';
import { findManifest } from '../registry/records.ts';
import { type DescribedImage, describeConfig } from './described.ts';
import { fileDigest, folderDigest } from './identity.ts';
import {
  alignHistory,
  type ImportedTree,
  type Importing,
  importFolder,
  importLayers,
  importTarball,
} from './import.ts';
import { findNamed, localImage } from './named.ts';
import { openAny, openLayout } from './open.ts';
import { hostPlatform, isPlatform, platformText, wrongPlatform } from './platform.ts';
import { blobFile } from './stored-layers.ts';
import type { ArchiveForm } from './transports.ts';

/** What a build needs to know of a source before it unpacks anything. */
export interface ResolvedSource {
  /** Equal for equal content: of an image its manifest's digest, or the snapshot that it is; of a tar or folder the digest of its content. */
  identity: string;
  /** Absent for sources that aren't images. */
  config?: ImageConfig;
  platform?: Platform;
  author?: string;
}

/** What identifies a source and its content, as `name → identity`: it enters the key of the step that brings it in. */
export async function identifySource(
  store: Store,
  source: LocalSource,
): Promise<Readonly<Record<string, string>>> {
  return { content: (await resolveSource(store, source)).identity };
}

function authorOf({ author }: { author?: string }): { author?: string } {
  return author === undefined ? {} : { author };
}

/**
 * The history of the image in a layout, in terms of the snapshots of its layers (the lowest first), which it was imported
 * as; undefined when those are not its layers.
 */
export function layoutHistory(
  source: LocalSource & { type: 'oci-layout' },
  snapshots: readonly SnapshotId[],
): HistoryItem[] | undefined {
  const opened = openLayout(source.path);
  using _files = opened.files;
  const image = opened.describe(source.reference, source.platform);
  if (image.layers.length !== snapshots.length) return undefined;
  return alignHistory(image).map(({ layer, ...item }) => {
    const snapshot = layer === undefined ? undefined : snapshots[layer];
    return { ...item, ...(snapshot && { snapshot }) };
  });
}

/** Finds out what a source is, without unpacking it. */
export async function resolveSource(store: Store, source: LocalSource): Promise<ResolvedSource> {
  switch (source.type) {
    case 'image': {
      const named = await findNamed(store, source);
      if ('remote' in named) {
        const { digest, repository, config: bytes } = named.remote;
        const described = describeConfig(bytes, `${repository}@${digest}`);
        const { config, platform } = described;
        return { identity: digest, config, platform, ...authorOf(described) };
      }
      const { image } = named;
      // Its snapshot is never changed nor named again: nothing has to be hashed for this.
      const identity = image.origin ?? `snapshot ${image.snapshot} ${image.root}`;
      return { identity, config: image.config, platform: image.platform, ...authorOf(image) };
    }
    case 'oci-layout': {
      const opened = openLayout(source.path);
      using _files = opened.files;
      const image = opened.describe(source.reference, source.platform);
      const { identity, config, platform } = image;
      return { identity, config, platform, ...authorOf(image) };
    }
    case 'tarball':
      return { identity: await fileDigest(store, source.path) };
    case 'folder':
      return { identity: await folderDigest(source.path) };
  }
}

export interface SourceStep {
  key: StepKey;
  stage: string;
  title: string;
  /** What the key was made with: a name that stands for something else by now isn't asked again. */
  identity?: string;
  onProgress?: (message: string) => void;
}

/** Makes the snapshot that a source stands for, and files it under the key of the step that asked for it. */
export async function importSource(
  context: ImageContext,
  writer: SnapshotWriter,
  source: LocalSource,
  { identity, onProgress, ...step }: SourceStep,
): Promise<SnapshotId> {
  const importing = { context, writer, stage: step.stage, ...(onProgress && { onProgress }) };
  const known = identity ?? (await resolveSource(context.store, source)).identity;
  const { snapshot } = await treeOf(importing, source, known);
  fileKey(context.store.db, step.key, snapshot, step.key);
  return snapshot;
}

async function treeOf(importing: Importing, source: LocalSource, identity: string): Promise<ImportedTree> {
  const { context } = importing;
  switch (source.type) {
    case 'image': {
      const { db } = context.store;
      const digest = parseDigest(identity);
      const manifest = digest && findManifest(db, digest);
      const stored = digest && imageByOrigin(db, digest);
      if (stored !== undefined || manifest === undefined)
        return importStored(importing, stored ?? localImage(context.store, source));
      const { importManifest } = await import('../registry/pull.ts');
      return importManifest(importing, manifest);
    }
    case 'oci-layout': {
      const opened = openLayout(source.path);
      using files = opened.files;
      return await importLayers(importing, opened.describe(source.reference, source.platform), files.place);
    }
    case 'tarball':
      return importTarball(importing, source.path, await fileDigest(context.store, source.path));
    case 'folder':
      return importFolder(importing, source.path, await folderDigest(source.path));
  }
}

/** An image of this store: its own snapshot, or, when only a folder of that is its root, snapshots of its layers. */
async function importStored(importing: Importing, image: Image): Promise<ImportedTree> {
  if (image.root === '/') return { snapshot: image.snapshot, history: [...image.history] };
  const { context } = importing;
  const layers = await layersOf(context, { snapshot: image.snapshot, root: image.root, blobs: true });
  const filled = layers.filter(({ empty }) => !empty);
  const described = {
    identity: sha256(image.id),
    config: image.config,
    platform: image.platform,
    history: filled.map(({ snapshot }) => ({
      created_by: image.history.find((item) => item.snapshot === snapshot)?.createdBy ?? '',
    })),
    layers: filled.map(({ diffId, size }) => ({ diffId, file: blobFile(context.store, diffId, size) })),
    names: [],
  };
  return importLayers(importing, described, `image ${image.id.slice(0, 12)}`);
}

export interface ImportRequest extends Importing {
  /** Folder or file: OCI layout, archive of `docker save` or `podman save`, or a root filesystem. */
  path: string;
  /** Which of these it must be. */
  form?: ArchiveForm;
  /** How messages call it, if not by its path. */
  place?: string;
  /** Which image of several. */
  reference?: string;
  /** Tags to give it; without any, those that the archive names. */
  tags: readonly string[];
  /** Of an image for several platforms this one alone; without it all of them. */
  platform?: Platform;
}

/** `image import`. */
export async function importImage(request: ImportRequest): Promise<Image> {
  const { context, path } = request;
  const opened = await openAny(context, path, request);
  if (opened.kind !== 'image') {
    const isTar = opened.kind === 'tarball';
    const digest = isTar ? await fileDigest(context.store, path) : await folderDigest(path);
    const tree = await (isTar ? importTarball(request, path, digest) : importFolder(request, path, digest));
    const platform = request.platform ?? hostPlatform();
    return saveImage(context.store.db, { ...tree, root: '/', config: {}, platform }, request.tags);
  }
  using files = opened.files;
  const { reference, platform: asked } = request;
  const platforms = asked === undefined ? opened.platforms(reference) : [asked];
  const all = (platforms.length > 0 ? platforms : [undefined]).map((one) => opened.describe(reference, one));
  const [first] = all as [DescribedImage];
  if (asked !== undefined && !isPlatform(first.platform, asked))
    throw wrongPlatform(files.place, asked, [first.platform]);
  const tags =
    request.tags.length > 0 ? request.tags : namesIn([...new Set(all.flatMap(({ names }) => names))], path);
  if (all.length === 1) return await importDescribed(request, first, files.place, tags);
  const members: Image[] = [];
  for (const described of all) {
    request.onProgress?.(`for ${platformText(described.platform)}:`);
    members.push(await importDescribed(request, described, files.place, []));
  }
  const own = members.find(({ platform }) => isPlatform(platform, hostPlatform()));
  return saveIndex(context.store.db, members, own ?? (members[0] as Image), tags);
}

async function importDescribed(
  importing: Importing,
  described: DescribedImage,
  place: string,
  tags: readonly string[],
): Promise<Image> {
  const tree = await importLayers(importing, described, place);
  const { config, platform, createdMs } = described;
  const facts = { ...tree, root: '/', config, platform, ...authorOf(described) };
  const created = createdMs === undefined ? {} : { createdMs };
  return saveImage(importing.context.store.db, { ...facts, ...created }, tags);
}

/** A layout may give its images bare tags (`latest`): then the folder's or file's name comes before it. */
function namesIn(names: readonly string[], path: string): string[] {
  const stem =
    basename(path)
      .replace(/\.(tar|tgz|tar\.gz|tar\.zst)$/, '')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '') || 'imported';
  return names.map((name) => (/[/:]/.test(name) ? name : `${stem}:${name}`));
}
