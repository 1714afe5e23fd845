/** Writes an image in the form that was asked for, and tells of it by events. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../kit/digest.ts';
import { wrongUse } from '../../kit/errors.ts';
import { printFile, wideOutput } from '../../kit/written.ts';
import type { EventSink } from '../../plan/index.ts';
import { abortOf, type ImageContext, withRunFolder } from '../context.ts';
import { compose, topOf } from '../indexes.ts';
import type { Image } from '../records.ts';
import { normaliseTag } from '../references.ts';
import type { Compression } from '../registry/compressions.ts';
import { platformText } from '../sources/platform.ts';
import { tagsOf } from '../tags.ts';
import { streamArchive, writeArchive } from './archive.ts';
import { intoVolume } from './into-volume.ts';
import { writeLayout } from './layout.ts';
import { archiveParts } from './parts.ts';
import type { SendOptions } from './registry.ts';
import { replaceFile } from './replace.ts';
import { writeRootfsFolder, writeRootfsTar } from './rootfs.ts';

export interface OutputRequest {
  /** `oci`, `docker`, `registry`, `tar` or `local`. */
  type: string;
  /**
   * Absolute host path, or `volume://NAME/PATH`; `-` is standard output. `registry` has none, and `docker` may leave it out:
   * then the Docker daemon gets the image.
   */
  dest?: string;
  /** For `oci`: one tar file, or a folder; without it, a dest that ends in `/` is a folder. */
  tar?: boolean;
  /** Names written into the output instead of the image's tags; for `registry`, where the image goes. */
  names?: readonly string[];
  /** For `registry`: how layers are packed, and whether all are. */
  compression?: Compression;
  force?: boolean;
  /** For `registry`: certificates aren't checked, and plain HTTP will do. */
  insecure?: boolean;
}

export interface OutputOptions {
  /** SOURCE_DATE_EPOCH, in seconds. */
  clampSeconds?: number;
  /** Names of the image; without them, all its tags. */
  tags?: readonly string[];
  onEvent: EventSink;
  signal?: AbortSignal;
}

export interface OutputResult {
  bytes: number;
  /** Digest of the manifest, for the forms that have one. */
  digest?: Digest;
}

/** Writes one output, whole or not at all. */
export async function writeOutput(
  context: ImageContext,
  image: Image,
  request: OutputRequest,
  options: OutputOptions,
): Promise<OutputResult> {
  const start = Date.now();
  const output = `${request.type}${request.dest === undefined ? '' : ` ${request.dest}`}`;
  options.onEvent({ type: 'output-started', at: start, output });
  const onProgress = (message: string) =>
    options.onEvent({ type: 'output-progress', at: Date.now(), output, message });
  const stoppable = { ...context, ...abortOf(options) };
  const result = await intoVolume(
    stoppable,
    request.dest,
    (dest) =>
      write(
        stoppable,
        image,
        { ...request, ...(dest !== undefined && { dest }) },
        { ...options, onProgress },
      ),
    (users) => onProgress(`waiting: the volume is in use by ${users}`),
  );
  const at = Date.now();
  const dest =
    request.dest ?? (request.type === 'registry' ? (request.names ?? []).join(', ') : 'the Docker daemon');
  options.onEvent({ type: 'output-done', at, output, dest, bytes: result.bytes, durationMs: at - start });
  return result;
}

type WriteOptions = OutputOptions & { onProgress: (message: string) => void };

async function write(
  context: ImageContext,
  image: Image,
  request: OutputRequest,
  options: WriteOptions,
): Promise<OutputResult> {
  if (image.members !== undefined && request.type !== 'oci' && request.type !== 'registry')
    throw onlyOnePlatform(request, image.members);
  switch (request.type) {
    case 'local':
      return { bytes: await writeRootfsFolder(context, image, withoutSlash(destOf(request))) };
    case 'tar':
      return { bytes: await writeTar(context, image, destOf(request), options.clampSeconds) };
    case 'oci':
    case 'docker':
      return writeImage(context, image, request, options);
    case 'registry': {
      const { sendToRegistries } = await import('./registry.ts');
      return sendToRegistries(context, image, request.names ?? [], sendOptions(request, options));
    }
    default:
      throw wrongUse('bad-output', `There is no output of the type ${request.type}.`, {
        hint: 'There are oci, docker, registry, tar and local.',
      });
  }
}

function sendOptions(
  { compression, force, insecure }: OutputRequest,
  { clampSeconds, onProgress }: WriteOptions,
): SendOptions {
  return {
    onProgress,
    ...(compression !== undefined && { compression }),
    ...(force !== undefined && { force }),
    ...(insecure !== undefined && { insecure }),
    ...(clampSeconds !== undefined && { clampSeconds }),
  };
}

function onlyOnePlatform({ type }: OutputRequest, members: readonly Image[]) {
  const known = members.map(({ id, platform }) => `${platformText(platform)} is ${id.slice(0, 12)}`);
  return wrongUse(
    'several-platforms',
    `An output of the type ${type} holds one platform, and the image has ${members.length}.`,
    { hint: `Write it with type=oci, or export one of its images: ${known.join(', ')}.` },
  );
}

async function writeImage(
  context: ImageContext,
  image: Image,
  request: OutputRequest,
  options: WriteOptions,
): Promise<OutputResult> {
  const given = request.names?.length ? request.names : options.tags;
  const tags = given?.map(normaliseTag) ?? tagsOf(context.store.db, image.id);
  const clamp = options.clampSeconds === undefined ? {} : { clampSeconds: options.clampSeconds };
  const { onProgress } = options;
  if (request.dest === undefined && request.type === 'docker') {
    const { loadIntoDocker } = await import('./load.ts');
    return loadIntoDocker({ context, image, tags, ...clamp, onProgress });
  }
  const composed = await compose(context, image, { ...clamp, blobs: true, onProgress });
  const { digest } = topOf(composed).blob;
  if (request.type === 'oci' && !(request.tar ?? !destOf(request).endsWith('/'))) {
    const { store, signal } = context;
    return { digest, bytes: await writeLayout(store, composed, tags, withoutSlash(destOf(request)), signal) };
  }
  const parts = archiveParts(context.store, composed, tags, request.type === 'docker');
  const dest = destOf(request);
  const bytes =
    dest === '-'
      ? await streamArchive(parts, wideOutput(), context.signal)
      : await replaceFile(dest, (fd) => writeArchive(parts, fd, context.signal));
  return { digest, bytes };
}

async function writeTar(
  context: ImageContext,
  image: Image,
  dest: string,
  clampSeconds?: number,
): Promise<number> {
  if (dest !== '-') return replaceFile(dest, (fd) => writeRootfsTar(context, image, fd, clampSeconds));
  // A pipe can't be moved about in, so the tar is made whole first; the run's folder goes with the run.
  return withRunFolder(context, async (dir) => {
    const temporary = join(dir, 'rootfs.tar');
    const fd = openSync(temporary, 'w+', 0o600);
    try {
      const size = await writeRootfsTar(context, image, fd, clampSeconds);
      await printFile(temporary);
      return size;
    } finally {
      closeSync(fd);
    }
  });
}

function destOf(request: OutputRequest): string {
  if (request.dest !== undefined) return request.dest;
  throw wrongUse('bad-output', `The output of type ${request.type} has no dest: where shall it be written?`);
}

function withoutSlash(path: string): string {
  return path === '/' ? path : path.replace(/\/+$/, '');
}
