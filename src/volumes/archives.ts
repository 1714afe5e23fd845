/** Archives (tar: plain, gzip or zstd) that go into volumes. */
import { closeSync, constants, createReadStream, openSync, readSync, statfsSync } from 'node:fs';
import { errnoOf, wrongUse } from '../kit/errors.ts';
import { compressionOf, decompress } from '../kit/tar/decompress.ts';
import { brokenIn } from '../kit/tar/format.ts';
import { fileInput, streamInput } from '../kit/tar/input.ts';
import { unpackTar } from '../kit/tar/unpack.ts';
import type { RunHandle } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import { replaceData } from './copies.ts';
import { createVolume } from './create.ts';
import { findVolume } from './rows.ts';
import type { ReadOptions } from './still.ts';
import { forkTree } from './trees.ts';

/** An archive: a file by its path, or what a stream gives. */
export type Archive = string | AsyncIterable<Uint8Array>;

/**
 * Adds an archive's files to a volume, all or none; one that isn't there is made. What has the same name is replaced.
 * Refused while the volume is in use.
 */
export async function importArchive(
  store: Store,
  run: RunHandle,
  name: string,
  archive: Archive,
  options: ReadOptions & { origin?: string } = {},
): Promise<void> {
  const fill = (root: string) => unpackArchive(archive, root, options);
  if (findVolume(store, name) === undefined) {
    await createVolume(store, run, { name, origin: options.origin ?? '' }, fill);
    return;
  }
  await replaceData(store, run, name, async (root, current) => {
    await forkTree(current, root, options.signal);
    await fill(root);
  });
}

/** Unpacks an archive into the folder `root`. */
export async function unpackArchive(
  archive: Archive,
  root: string,
  { signal }: ReadOptions = {},
): Promise<void> {
  // One that unfolds without end stops before the disk is full.
  const { bavail, bsize } = statfsSync(root);
  const rest = signal === undefined ? {} : { signal };
  const limitBytes = bavail * bsize;
  const unpackStream = (stream: AsyncIterable<Uint8Array>) =>
    unpackTar(streamInput(decompress(stream, { limitBytes })), root, rest);
  if (typeof archive !== 'string') return unpackStream(archive);
  const fd = openArchive(archive);
  try {
    const head = Buffer.alloc(4);
    readSync(fd, head, 0, head.length, 0);
    if (compressionOf(head) === 'none') await unpackTar(fileInput(fd), root, rest);
    else await unpackStream(createReadStream(archive, { highWaterMark: 1024 * 1024 }));
  } catch (error) {
    throw brokenIn(archive, error);
  } finally {
    closeSync(fd);
  }
}

function openArchive(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw wrongUse('missing-source', `${path} doesn't exist.`, { cause: error });
  }
}
