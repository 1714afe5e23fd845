/**
 * What an image says of itself, before any of its layers is read: from an OCI layout, or from an archive of `docker
 * save` or `podman save`. Digests of manifest and configuration are checked here.
 */
import { type Digest, parseDigest, sha256 } from '../../kit/digest.ts';
import { outside, type UserError, wrongUse } from '../../kit/errors.ts';
import type { ImageConfig, Platform } from '../../plan/index.ts';
import { wrongDigest } from '../incoming.ts';
import { mediaTypes } from '../manifest.ts';
import { normaliseTag, shortName } from '../references.ts';
import type { PackedLayer } from '../registry/records.ts';
import type { ImageFile, ImageFiles, StreamedFile } from './image-files.ts';
import { isAmbiguous } from './kinds.ts';
import { archOfHost, hostPlatform, isPlatform, platformText } from './platform.ts';

/** A layer as it lies in the archive, or in a registry. */
export interface LayerBlob {
  file: StreamedFile;
  /** Of the bytes as they lie there; absent where the archive doesn't say (docker-archive). */
  digest?: Digest;
  /** Of the uncompressed tar. */
  diffId: Digest;
  /** Set where the bytes are kept as they lie there: what a registry has, a push sends again. */
  form?: PackedLayer;
}

export interface OciHistory {
  created?: string;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
}

export interface DescribedImage {
  /** Digest of the manifest, or of the configuration where there is no manifest. */
  identity: Digest;
  config: ImageConfig;
  platform: Platform;
  author?: string;
  createdMs?: number;
  history: OciHistory[];
  layers: LayerBlob[];
  /** Names that the archive gives the image, as they stand there. */
  names: string[];
}

interface Descriptor {
  mediaType?: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: Partial<Platform>;
}

interface ConfigFile {
  created?: string;
  author?: string;
  architecture?: string;
  os?: string;
  variant?: string;
  config?: ImageConfig | null;
  rootfs?: { diff_ids?: string[] };
  history?: OciHistory[];
}

const indexTypes: readonly string[] = [
  mediaTypes.index,
  'application/vnd.docker.distribution.manifest.list.v2+json',
];

/** Indexes in indexes are followed as deep. */
const maxNesting = 4;

/**
 * Reads the image that `reference` (a tag or a digest) names in an OCI layout; without one the layout must have one.
 * Of several platforms, `platform` is taken.
 */
export function describeLayout(
  files: ImageFiles,
  reference?: string,
  platform = hostPlatform(),
): DescribedImage {
  const index = json<{ manifests?: Descriptor[] }>(required(files, 'index.json'), files.place);
  const { names, descriptor } = choose(files, index.manifests ?? [], { reference, platform });
  const manifest = document<{ config?: Descriptor; layers?: Descriptor[] }>(files, descriptor);
  if (!manifest.config || !Array.isArray(manifest.layers))
    throw broken(files.place, 'its manifest has no configuration or layers');
  const { diffIds, ...facts } = describeConfig(checkedBlob(files, manifest.config), files.place);
  if (diffIds.length !== manifest.layers.length)
    throw broken(files.place, 'its configuration and its manifest tell of different layers');
  const layers = manifest.layers.map((layer, at) => {
    const file = blob(files, layer);
    return {
      file,
      digest: digestOf(layer.digest, files.place),
      diffId: digestOf(diffIds[at] as string, files.place),
    };
  });
  return { identity: digestOf(descriptor.digest, files.place), ...facts, layers, names };
}

/**
 * The platforms that an index in the layout has whole images for, as far as they are for Linux; none where `reference` names
 * one image. Who saved an index may have left out what was for other machines.
 */
export function layoutPlatforms(files: ImageFiles, reference?: string): Platform[] {
  const index = json<{ manifests?: Descriptor[] }>(required(files, 'index.json'), files.place);
  let entries = namedBy(index.manifests ?? [], reference);
  for (
    let depth = 0;
    depth <= maxNesting && new Set(entries.map(({ digest }) => digest)).size === 1;
    depth++
  ) {
    const [only] = entries as [Descriptor];
    if (!indexTypes.includes(only.mediaType ?? '')) return [];
    entries = document<{ manifests?: Descriptor[] }>(files, only).manifests ?? [];
  }
  const found = new Map<string, Platform>();
  for (const entry of entries) {
    const { os = 'linux', architecture, variant } = entry.platform ?? {};
    if (os !== 'linux' || architecture === undefined || !isWhole(files, entry)) continue;
    const platform = { os, architecture, ...(variant && { variant }) };
    found.set(platformText(platform), platform);
  }
  return [...found.values()];
}

/** Whether all that the manifest names is there. */
function isWhole(files: ImageFiles, descriptor: Descriptor): boolean {
  const has = ({ digest }: Descriptor) => files.find(blobName(files, digest)) !== undefined;
  if (!has(descriptor)) return false;
  const { config, layers } = document<{ config?: Descriptor; layers?: Descriptor[] }>(files, descriptor);
  return config !== undefined && Array.isArray(layers) && [config, ...layers].every(has);
}

function annotated(entry: Descriptor): string | undefined {
  return (
    entry.annotations?.['io.containerd.image.name'] ??
    entry.annotations?.['org.opencontainers.image.ref.name']
  );
}

/** The entries of an index that a tag or digest names; all of them without one. */
function namedBy(manifests: readonly Descriptor[], reference: string | undefined): Descriptor[] {
  return manifests.filter((entry) => {
    if (reference === undefined) return true;
    const name = annotated(entry);
    return (
      entry.digest === reference ||
      entry.annotations?.['org.opencontainers.image.ref.name'] === reference ||
      (name !== undefined && (name === reference || shortName(name) === reference))
    );
  });
}

function choose(
  files: ImageFiles,
  manifests: Descriptor[],
  { reference, platform: asked }: { reference: string | undefined; platform: Platform },
  depth = 0,
): { descriptor: Descriptor; names: string[] } {
  const matches = namedBy(manifests, reference);
  const digests = new Set(matches.map(({ digest }) => digest));
  const native =
    digests.size > 1
      ? matches.filter(({ platform }) => platform?.architecture !== undefined && isPlatform(platform, asked))
      : matches;
  const descriptor = native[0];
  if (descriptor === undefined || new Set(native.map(({ digest }) => digest)).size > 1) {
    const tags = manifests.map(annotated).filter((name) => name !== undefined);
    throw wrongUse(
      'unknown-image',
      `${files.place} has ${matches.length === 0 ? 'no image' : 'several images'}${reference === undefined ? '' : ` \`${reference}\``}${matches.length === 0 ? '' : `, none of them for ${platformText(asked)}`}.`,
      {
        hint:
          tags.length > 0
            ? `Name one of: ${tags.join(', ')}`
            : 'Name one by its digest: oci-layout://DIR@sha256:…',
      },
    );
  }
  if (!indexTypes.includes(descriptor.mediaType ?? ''))
    return { descriptor, names: native.map(annotated).filter((name) => name !== undefined) };
  if (depth > maxNesting) throw broken(files.place, 'its indexes are nested too deep');
  const inner = document<{ manifests?: Descriptor[] }>(files, descriptor);
  const names = native.map(annotated).filter((name) => name !== undefined);
  return {
    ...choose(files, inner.manifests ?? [], { reference: undefined, platform: asked }, depth + 1),
    names,
  };
}

/** Reads the image of a `docker save` archive; `reference` is one of its names. */
export function describeDockerArchive(files: ImageFiles, reference?: string): DescribedImage {
  const all = json<{ Config?: string; RepoTags?: string[] | null; Layers?: string[] }[]>(
    required(files, 'manifest.json'),
    files.place,
  );
  const isAsked = (tag: string) => tag === reference || fullName(tag) === fullName(reference ?? '');
  const matches = reference === undefined ? all : all.filter(({ RepoTags }) => RepoTags?.some(isAsked));
  const [image] = matches;
  if (image === undefined || matches.length > 1) {
    const tags = all.flatMap(({ RepoTags }) => RepoTags ?? []);
    throw wrongUse(
      'unknown-image',
      `${files.place} has ${matches.length === 0 ? `no image \`${reference}\`` : 'several images'}.`,
      { hint: `Name one of: ${tags.join(', ')}` },
    );
  }
  const bytes = required(files, image.Config ?? '');
  const { diffIds, ...facts } = describeConfig(bytes, files.place);
  if (diffIds.length !== image.Layers?.length)
    throw broken(files.place, 'its configuration and its manifest tell of different layers');
  const named = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(image.Config ?? '')?.[1];
  if (named !== undefined && sha256(bytes) !== `sha256:${named}`)
    throw wrongDigest(image.Config ?? '', files.place);
  const layers = image.Layers.map((name, at) => {
    const file = files.find(name);
    if (file === undefined) throw broken(files.place, `the layer ${name} is missing`);
    return { file, diffId: digestOf(diffIds[at] as string, files.place) };
  });
  return { identity: sha256(bytes), ...facts, layers, names: image.RepoTags ?? [] };
}

/** In an archive names stand in full or as they were typed. */
function fullName(name: string): string {
  try {
    return normaliseTag(name);
  } catch {
    return name;
  }
}

export interface DescribedConfig
  extends Pick<DescribedImage, 'config' | 'platform' | 'author' | 'createdMs' | 'history'> {
  /** Not checked for form. */
  diffIds: string[];
}

/** Reads an image's configuration file. */
export function describeConfig(bytes: Buffer, place: string): DescribedConfig {
  const file = json<ConfigFile | null>(bytes, place) ?? {};
  const createdMs = Date.parse(file.created ?? '');
  return {
    diffIds: listOf(file.rootfs?.diff_ids),
    config: withoutNulls(file.config ?? {}),
    platform: {
      os: file.os ?? 'linux',
      architecture: file.architecture ?? archOfHost(),
      ...(file.variant ? { variant: file.variant } : {}),
    },
    ...(file.author ? { author: file.author } : {}),
    ...(Number.isFinite(createdMs) ? { createdMs } : {}),
    history: listOf(file.history).filter((line) => line !== null && typeof line === 'object'),
  };
}

function listOf<T>(value: T[] | undefined): T[] {
  return Array.isArray(value) ? value : [];
}

/** Go writes `null` for what isn't there. */
function withoutNulls(config: ImageConfig): ImageConfig {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== null)) as ImageConfig;
}

function required(files: ImageFiles, name: string): Buffer {
  const file = files.find(name);
  if (file === undefined) throw broken(files.place, `it has no ${name}`);
  return file.read();
}

function blob(files: ImageFiles, { digest, size }: Descriptor): ImageFile {
  const file = files.find(blobName(files, digest));
  if (file === undefined) throw broken(files.place, `the blob ${digest} is missing`);
  if (file.size !== size)
    throw wrongDigest(digest, files.place, `it has ${file.size} bytes instead of ${size}`);
  return file;
}

function blobName({ place }: ImageFiles, digest: string): string {
  return `blobs/sha256/${digestOf(digest, place).slice('sha256:'.length)}`;
}

function checkedBlob(files: ImageFiles, descriptor: Descriptor): Buffer {
  const bytes = blob(files, descriptor).read();
  if (sha256(bytes) !== descriptor.digest) throw wrongDigest(descriptor.digest, files.place);
  return bytes;
}

/** A manifest or an index. */
function document<T>(files: ImageFiles, descriptor: Descriptor): T {
  const value = json<T | null>(checkedBlob(files, descriptor), files.place);
  if (value === null || typeof value !== 'object')
    throw broken(files.place, `${descriptor.digest} is no manifest`);
  if (isAmbiguous(value as Record<string, unknown>))
    throw broken(files.place, `${descriptor.digest} is an image and a list of images at once`);
  return value;
}

export function digestOf(text: string, place: string): Digest {
  const digest = typeof text === 'string' ? parseDigest(text) : undefined;
  if (digest === undefined) throw broken(place, `${JSON.stringify(text)} is no sha256 digest`);
  return digest;
}

function json<T>(bytes: Buffer, place: string): T {
  try {
    return JSON.parse(bytes.toString('utf8')) as T;
  } catch (error) {
    throw outside('broken-image', `The image in ${place} is broken: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

function broken(place: string, why: string): UserError {
  return outside('broken-image', `The image in ${place} is broken: ${why}.`, {
    hint: 'Fetch or make it again.',
  });
}
