/** An OCI layout: which of its images is meant, and what that says of itself. */
import { type Digest, sha256 } from '../../kit/digest.ts';
import { wrongUse } from '../../kit/errors.ts';
import type { Platform } from '../../plan/index.ts';
import { wrongDigest } from '../incoming.ts';
import { mediaTypes } from '../manifest.ts';
import { shortName } from '../references.ts';
import {
  broken,
  type DescribedImage,
  describeWithLayers,
  digestOf,
  readJson,
  required,
} from './described.ts';
import type { ImageFile, ImageFiles } from './image-files.ts';
import { isAmbiguous } from './kinds.ts';
import { hostPlatform, isPlatform, platformText } from './platform.ts';

interface Descriptor {
  mediaType?: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: Partial<Platform>;
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
  const index = readJson<{ manifests?: Descriptor[] }>(required(files, 'index.json'), files.place);
  const { names, descriptor } = choose(files, index.manifests ?? [], { reference, platform });
  const manifest = document<{ config?: Descriptor; layers?: Descriptor[] }>(files, descriptor);
  if (!manifest.config || !Array.isArray(manifest.layers))
    throw broken(files.place, 'its manifest has no configuration or layers');
  const bytes = checkedBlob(files, manifest.config);
  const { diffIds, ...facts } = describeWithLayers(bytes, files.place, manifest.layers.length);
  const layers = manifest.layers.map((layer, at) => ({
    file: blob(files, layer),
    digest: digestOf(layer.digest, files.place),
    diffId: diffIds[at] as Digest,
  }));
  return { identity: digestOf(descriptor.digest, files.place), ...facts, layers, names };
}

/**
 * The platforms that an index in the layout has whole images for, as far as they are for Linux; none where `reference` names
 * one image. Who saved an index may have left out what was for other machines.
 */
export function layoutPlatforms(files: ImageFiles, reference?: string): Platform[] {
  const index = readJson<{ manifests?: Descriptor[] }>(required(files, 'index.json'), files.place);
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
    const which = reference === undefined ? '' : ` \`${reference}\``;
    const found =
      matches.length === 0
        ? `no image${which}`
        : `several images${which}, none of them for ${platformText(asked)}`;
    const hint =
      tags.length > 0
        ? `Name one of: ${tags.join(', ')}`
        : 'Name one by its digest: oci-layout://DIR@sha256:…';
    throw wrongUse('unknown-image', `${files.place} has ${found}.`, { hint });
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
  const value = readJson<T | null>(checkedBlob(files, descriptor), files.place);
  if (value === null || typeof value !== 'object')
    throw broken(files.place, `${descriptor.digest} is no manifest`);
  if (isAmbiguous(value as Record<string, unknown>))
    throw broken(files.place, `${descriptor.digest} is an image and a list of images at once`);
  return value;
}
