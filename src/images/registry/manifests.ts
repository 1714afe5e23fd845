/** Manifests and indexes as registries have them: fetched with their digests checked, and read. */
import { type Digest, parseDigest, sha256 } from '../../kit/digest.ts';
import { outside, type UserError } from '../../kit/errors.ts';
import type { Platform } from '../../plan/index.ts';
import { mediaTypes } from '../manifest.ts';
import { isAmbiguous } from '../sources/kinds.ts';
import { wrongPlatform } from '../sources/platform.ts';
import type { Registry } from './client.ts';
import type { RawManifest } from './records.ts';

export interface Descriptor {
  mediaType: string;
  digest: Digest;
  size: number;
  platform?: Platform;
}

export interface Manifest {
  config: Descriptor;
  layers: Descriptor[];
}

/** What registries themselves let through at most. */
const maxManifestBytes = 4 * 1024 * 1024;
const maxConfigBytes = 8 * 1024 * 1024;
const maxNesting = 3;
/** Docker goes up to 127; each is a snapshot here, however small it is. */
const maxLayers = 1000;

const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json';
const dockerList = 'application/vnd.docker.distribution.manifest.list.v2+json';
const imageTypes: readonly string[] = [mediaTypes.manifest, dockerManifest];
const indexTypes: readonly string[] = [mediaTypes.index, dockerList];
const accepted = [...imageTypes, ...indexTypes].join(', ');

const configTypes: readonly string[] = [mediaTypes.config, 'application/vnd.docker.container.image.v1+json'];
const layerTypes =
  /^application\/vnd\.(oci\.image\.layer\.v1\.tar(\+gzip|\+zstd)?|docker\.image\.rootfs\.diff\.tar(\.gzip|\.zstd)?)$/;
const foreignTypes = /nondistributable|foreign/;

export const pullScope = ({ endpoint }: Registry) => `repository:${endpoint.path}:pull`;

/** What a tag or digest names; undefined where there is nothing. */
export async function fetchManifest(registry: Registry, name: string): Promise<RawManifest | undefined> {
  const what = `The manifest \`${name}\` of ${registry.repository}`;
  const request = {
    method: 'GET',
    at: `manifests/${name}`,
    headers: { accept: accepted },
    scope: pullScope(registry),
  } as const;
  const answer = await registry.fetchSmall(request, maxManifestBytes, what);
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) throw await registry.explain(answer, `give the manifest \`${name}\``);
  const { bytes } = answer;
  const digest = sha256(bytes);
  const expected = parseDigest(name) ?? answer.headers['docker-content-digest'];
  if (expected !== undefined && parseDigest(String(expected)) !== undefined && expected !== digest)
    throw outside('wrong-digest', `${what} is not what its digest says.`, {
      hint: 'It was damaged on its way, or there: try again.',
    });
  return { digest, mediaType: typeOf(bytes, answer.headers['content-type'] ?? '', what), bytes };
}

/** Digest of what a tag names, without fetching it; undefined where the registry doesn't say. */
export async function headManifest(registry: Registry, name: string): Promise<Digest | undefined> {
  const answer = await registry.send({
    method: 'HEAD',
    at: `manifests/${name}`,
    headers: { accept: accepted },
    scope: pullScope(registry),
  });
  answer.body.resume();
  return answer.status === 200 ? parseDigest(String(answer.headers['docker-content-digest'])) : undefined;
}

/** What the document says of itself counts, the registry's header where it says nothing; they must not disagree. */
function typeOf(bytes: Buffer, header: string, what: string): string {
  const document = parse(bytes, what);
  const { mediaType, schemaVersion, manifests } = document;
  if (schemaVersion === 1) {
    throw outside(
      'old-manifest',
      `${what} has the form of before 2017 (schema 1), which nobody should use any more.`,
      {
        hint: 'Push the image again with a newer program.',
      },
    );
  }
  if (isAmbiguous(document)) throw broken(what, 'it is an image and a list of images at once');
  const told = typeof mediaType === 'string' ? mediaType : '';
  const type = header.split(';')[0]?.trim() ?? '';
  const kinds = [told, type].map(kindOf).filter((kind) => kind !== undefined);
  if (new Set(kinds).size > 1)
    throw broken(what, `it calls itself ${told}, and the registry calls it ${type}`);
  if (told !== '') return told;
  if (kindOf(type) !== undefined) return type;
  return Array.isArray(manifests) ? mediaTypes.index : mediaTypes.manifest;
}

function kindOf(type: string): 'image' | 'index' | undefined {
  if (imageTypes.includes(type)) return 'image';
  return indexTypes.includes(type) ? 'index' : undefined;
}

/** Follows indexes to the manifest for a platform. */
export async function chooseManifest(
  registry: Registry,
  raw: RawManifest,
  platform: Platform,
  depth = 0,
): Promise<RawManifest> {
  const what = `The manifest ${raw.digest} of ${registry.repository}`;
  if (imageTypes.includes(raw.mediaType)) return raw;
  if (!indexTypes.includes(raw.mediaType))
    throw outside(
      'no-image',
      `${registry.repository} has something there that is no image: ${raw.mediaType}.`,
    );
  if (depth >= maxNesting) throw broken(what, 'its indexes are nested too deep');
  const { manifests } = parse(raw.bytes, what);
  if (!Array.isArray(manifests)) throw broken(what, 'it lists no manifests');
  const entries = manifests.map((entry) => descriptorOf(entry, what));
  const chosen = bestFor(entries, platform);
  if (chosen === undefined)
    throw wrongPlatform(
      registry.repository,
      platform,
      entries.map((entry) => entry.platform),
    );
  const inner = await fetchManifest(registry, chosen.digest);
  if (inner === undefined) throw broken(what, `the registry doesn't have ${chosen.digest}, which it lists`);
  return chooseManifest(registry, inner, platform, depth + 1);
}

/** The entry for the platform: of the variants of an architecture the equal one, else the highest that it can run. */
function bestFor(
  entries: readonly Descriptor[],
  { os, architecture, variant }: Platform,
): Descriptor | undefined {
  const wanted = levelOf(architecture, variant);
  const fitting = entries
    .filter((entry) => entry.platform?.os === os && entry.platform.architecture === architecture)
    .map((entry) => ({ entry, level: levelOf(architecture, entry.platform?.variant) }))
    .filter(({ level }) => level <= wanted)
    .sort((a, b) => b.level - a.level);
  // An index of one image may say nothing of platforms at all.
  const [only, ...others] = entries;
  return fitting[0]?.entry ?? (only && others.length === 0 && only.platform === undefined ? only : undefined);
}

/** `v7` → 7. Without a variant it is the one that all programs of the architecture are built for. */
function levelOf(architecture: string, variant: string | undefined): number {
  const given = /^v(\d+)/.exec(variant ?? '')?.[1];
  if (given !== undefined) return Number(given);
  return architecture === 'arm64' ? 8 : architecture === 'arm' ? 7 : 1;
}

/** The parts of an image's manifest. What can't be unpacked here is refused now, before anything is fetched. */
export function readManifest({ bytes, digest }: RawManifest, place: string): Manifest {
  const what = `The manifest ${digest} of ${place}`;
  const { config, layers } = parse(bytes, what);
  if (config === undefined || !Array.isArray(layers)) throw broken(what, 'it has no configuration or layers');
  if (layers.length > maxLayers) throw broken(what, `it has ${layers.length} layers`);
  const manifest = {
    config: descriptorOf(config, what),
    layers: layers.map((layer) => descriptorOf(layer, what)),
  };
  if (!configTypes.includes(manifest.config.mediaType))
    throw outside(
      'no-image',
      `${place} is no image: its configuration is of the type ${manifest.config.mediaType}.`,
    );
  for (const { mediaType } of manifest.layers) {
    if (foreignTypes.test(mediaType)) {
      throw outside(
        'foreign-layer',
        `${place} has a layer that registries don't keep (${mediaType}): it can't be fetched.`,
        {
          hint: 'Such layers are those of Windows images.',
        },
      );
    }
    if (!layerTypes.test(mediaType))
      throw outside('no-image', `${place} has a layer of the unknown type ${mediaType}.`);
  }
  return manifest;
}

export async function fetchConfig(registry: Registry, { digest, size }: Descriptor): Promise<Buffer> {
  const what = `The configuration ${digest} of ${registry.repository}`;
  if (size > maxConfigBytes) throw broken(what, `it is said to have ${size} bytes`);
  const request = { method: 'GET', at: `blobs/${digest}`, scope: pullScope(registry) } as const;
  const answer = await registry.fetchSmall(request, maxConfigBytes, what);
  if (answer.status !== 200) throw await registry.explain(answer, `give the configuration ${digest}`);
  const { bytes } = answer;
  if (sha256(bytes) !== digest)
    throw outside('wrong-digest', `${what} is not what its digest says.`, {
      hint: 'It was damaged on its way, or there: try again.',
    });
  return bytes;
}

function parse(bytes: Buffer, what: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw broken(what, 'it is no JSON');
}

function descriptorOf(value: unknown, what: string): Descriptor {
  const { mediaType, digest, size, platform } = (value ?? {}) as Record<string, unknown>;
  const known = typeof digest === 'string' ? parseDigest(digest) : undefined;
  if (known === undefined) throw broken(what, `${JSON.stringify(digest)?.slice(0, 100)} is no sha256 digest`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw broken(what, `${known} has no size`);
  return {
    mediaType: typeof mediaType === 'string' ? mediaType : '',
    digest: known,
    size,
    ...(typeof platform === 'object' && platform !== null && { platform: platform as Platform }),
  };
}

function broken(what: string, why: string): UserError {
  return outside('broken-image', `${what} is broken: ${why}.`);
}
