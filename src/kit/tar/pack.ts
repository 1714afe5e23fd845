/**
 * Writes an archive from members whose content lies in host files: hashes it, writes it, or both at once. Memory is
 * two buffers whatever the size: while one is being written, the other is filled.
 */

import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, write } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Digest } from '../digest.ts';
import { outside } from '../errors.ts';
import { fsPath } from '../names.ts';
import { fetchSoon, seek } from '../system.ts';
import { type MemberHeader, paddingOf } from './format.ts';
import { encodeHeader, endOfArchive } from './write.ts';

export interface PackItem {
  member: MemberHeader;
  /** Host path of a file's content. */
  content?: string;
}

export interface PackOptions {
  /** An empty file open for writing, or what takes the bytes in its stead; without it nothing is written. */
  output?: number | TarTarget;
  /** Whether the digest is wanted; it costs most of the time of a layer that isn't written. */
  hash: boolean;
  signal?: AbortSignal;
}

/**
 * Takes bytes at their position, in order: what is left out before them are zeros, and no bytes at all tell the archive's end.
 * They may change once the promise is settled.
 */
export type TarTarget = (bytes: Buffer, position: number) => Promise<void>;

export interface Packed {
  /** Bytes of the archive. */
  size: number;
  /** Members in it. */
  members: number;
  digest?: Digest;
}

const bufferBytes = 1024 * 1024;
/** Members whose files are open before their turn, and what of each may come from the disk meanwhile. */
const aheadMembers = 16;
const aheadBytes = 2 * 1024 * 1024;
const zeros = Buffer.alloc(bufferBytes);
const writeAt = promisify(write);

/** Packs all items, in their order. */
export async function packTar(items: Iterable<PackItem>, options: PackOptions): Promise<Packed> {
  const sink = openSink(options);
  try {
    let members = 0;
    for (const { member, file } of openedAhead(items)) {
      members += 1;
      await sink.put(encodeHeader(member));
      if (file === undefined) continue;
      await putContent(sink, file, member.size);
      await sink.put(zeros.subarray(0, paddingOf(member.size)));
    }
    await sink.put(endOfArchive);
    return { members, ...(await sink.end()) };
  } finally {
    // The caller closes the output: no write may come after that, into whatever has its number then.
    await sink.settled();
  }
}

interface OpenFile {
  fd: number;
  /** Host path, for messages. */
  path: string;
}

/** The items with their contents open. Reads don't wait for the disk one by one: those of the next files are on their way. */
function* openedAhead(items: Iterable<PackItem>): Generator<{ member: MemberHeader; file?: OpenFile }> {
  const waiting: { member: MemberHeader; file?: OpenFile }[] = [];
  const close = (file: OpenFile | undefined) => file && closeSync(file.fd);
  function* upTo(count: number) {
    while (waiting.length > count) {
      const item = waiting[0] as (typeof waiting)[0];
      yield item;
      close(waiting.shift()?.file);
    }
  }
  try {
    for (const { member, content } of items) {
      const isFile = member.type === 'file' && member.size > 0;
      waiting.push(isFile ? { member, file: openAhead(content as string, member.size) } : { member });
      yield* upTo(aheadMembers);
    }
    yield* upTo(0);
  } finally {
    for (const { file } of waiting) close(file);
  }
}

function openAhead(path: string, size: number): OpenFile {
  const fd = openSync(fsPath(path), constants.O_RDONLY | constants.O_NOFOLLOW);
  fetchSoon(fd, Math.min(size, aheadBytes));
  return { fd, path };
}

type Sink = ReturnType<typeof openSink>;

function openSink({ output, hash, signal }: PackOptions) {
  const digest = hash ? createHash('sha256') : undefined;
  let [buffer, other] = [Buffer.allocUnsafe(bufferBytes), Buffer.allocUnsafe(bufferBytes)];
  let used = 0;
  let written = 0;
  let pending: Promise<void> = Promise.resolve();

  const flush = async (): Promise<void> => {
    signal?.throwIfAborted();
    const [full, length, position] = [buffer, used, written];
    // What was being written must be done before its buffer is filled again.
    await pending;
    if (output !== undefined) {
      const bytes = full.subarray(0, length);
      pending = typeof output === 'number' ? writeAll(output, bytes, position) : output(bytes, position);
      // A failure is seen at the next flush; until then it must not count as unhandled.
      pending.catch(() => {});
    }
    digest?.update(full.subarray(0, length));
    written += length;
    used = 0;
    [buffer, other] = [other, full];
    if (output === undefined) await nextTurn();
  };

  return {
    async put(bytes: Buffer): Promise<void> {
      for (let at = 0; at < bytes.length; ) {
        const count = bytes.copy(buffer, used, at);
        used += count;
        at += count;
        if (used === bufferBytes) await flush();
      }
    },
    /** Reads up to `length` bytes of an open file; the count read. */
    async read(fd: number, length: number, position: number): Promise<number> {
      const count = readSync(fd, buffer, used, Math.min(length, bufferBytes - used), position);
      used += count;
      if (used === bufferBytes) await flush();
      return count;
    },
    /** `length` zero bytes; long runs of them stay holes in the output. */
    async hole(length: number): Promise<void> {
      let left = length;
      while (left > 0) {
        if (used === 0 && left >= bufferBytes) {
          digest?.update(zeros);
          written += bufferBytes;
          left -= bufferBytes;
          await nextTurn();
        } else {
          const count = Math.min(left, bufferBytes - used);
          buffer.fill(0, used, used + count);
          used += count;
          left -= count;
          if (used === bufferBytes) await flush();
        }
      }
    },
    /** When nothing is being written any more. */
    settled: () => pending.catch(() => {}),
    async end(): Promise<{ size: number; digest?: Digest }> {
      if (used > 0) await flush();
      await pending;
      if (typeof output === 'number') ftruncateSync(output, written);
      else await output?.(zeros.subarray(0, 0), written);
      return { size: written, ...(digest ? { digest: `sha256:${digest.digest('hex')}` as Digest } : {}) };
    },
  };
}

async function writeAll(fd: number, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await writeAt(fd, bytes, at, bytes.length - at, position + at)).bytesWritten;
  }
}

async function putContent(sink: Sink, { fd, path }: OpenFile, size: number): Promise<void> {
  const stats = fstatSync(fd);
  if (stats.size !== size) throw changed(path);
  const isSparse = stats.blocks * 512 < size && size > bufferBytes;
  for (let at = 0; at < size; ) {
    const data = isSparse ? (seek(fd, at, 'data') ?? size) : at;
    await sink.hole(data - at);
    const end = isSparse && data < size ? (seek(fd, data, 'hole') ?? size) : size;
    await putData(sink, fd, path, data, end);
    at = end;
  }
}

async function putData(sink: Sink, fd: number, path: string, start: number, end: number): Promise<void> {
  for (let at = start; at < end; ) {
    const count = await sink.read(fd, end - at, at);
    if (count === 0) throw changed(path);
    at += count;
  }
}

function changed(path: string): unknown {
  return outside('changed-while-read', `The file ${path} changed while it was read.`);
}
