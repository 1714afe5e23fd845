/**
 * What an image says of itself, before any of its layers is read: its configuration, wherever that comes from. Layouts and
 * archives are read by describe-layout.ts and describe-archive.ts.
 */
import { type Digest, parseDigest } from '../../kit/digest.ts';
import { outside, type UserError } from '../../kit/errors.ts';
import type { ImageConfig, Platform } from '../../plan/index.ts';
import type { PackedLayer } from '../registry/records.ts';
import type { ImageFiles, StreamedFile } from './image-files.ts';
import { archOfHost } from './platform.ts';

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

export type DescribedConfig = Pick<
  DescribedImage,
  'config' | 'platform' | 'author' | 'createdMs' | 'history'
>;

/** Reads an image's configuration file. */
export function describeConfig(bytes: Buffer, place: string): DescribedConfig {
  return describeFile(readJson<ConfigFile | null>(bytes, place) ?? {});
}

/** The same with the diff IDs of the layers, of which the image's manifest has `count`. */
export function describeWithLayers(
  bytes: Buffer,
  place: string,
  count: number | undefined,
): DescribedConfig & { diffIds: Digest[] } {
  const file = readJson<ConfigFile | null>(bytes, place) ?? {};
  const diffIds = listOf(file.rootfs?.diff_ids);
  if (diffIds.length !== count)
    throw broken(place, 'its configuration and its manifest tell of different layers');
  return { ...describeFile(file), diffIds: diffIds.map((text) => digestOf(text, place)) };
}

function describeFile(file: ConfigFile): DescribedConfig {
  const createdMs = Date.parse(file.created ?? '');
  return {
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

export function required(files: ImageFiles, name: string): Buffer {
  const file = files.find(name);
  if (file === undefined) throw broken(files.place, `it has no ${name}`);
  return file.read();
}

export function digestOf(text: string, place: string): Digest {
  const digest = typeof text === 'string' ? parseDigest(text) : undefined;
  if (digest === undefined) throw broken(place, `${JSON.stringify(text)} is no sha256 digest`);
  return digest;
}

export function readJson<T>(bytes: Buffer, place: string): T {
  try {
    return JSON.parse(bytes.toString('utf8')) as T;
  } catch (error) {
    throw outside('broken-image', `The image in ${place} is broken: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

export function broken(place: string, why: string): UserError {
  return outside('broken-image', `The image in ${place} is broken: ${why}.`, {
    hint: 'Fetch or make it again.',
  });
}
