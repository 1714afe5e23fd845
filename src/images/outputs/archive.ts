/**
 * Writes an image's parts as a tar. Into a file, blobs are appended inside the kernel (sharing their blocks where the
 * file system can): an unchanged layer costs no pass through here. Into a pipe they are streamed.
 */

import { once } from 'node:events';
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { outside } from '../../kit/errors.ts';
import { paddingOf } from '../../kit/tar/format.ts';
import { transfer } from '../../kit/tar/transfer.ts';
import { encodeHeader, endOfArchive } from '../../kit/tar/write.ts';
import { written } from '../../kit/written.ts';
import type { Part } from './parts.ts';

/** Blocks can only be shared from a block's begin to another's. Small blobs aren't worth the filling. */
const alignBytes = 4096;
const alignFrom = 64 * 1024;

function* members(
  parts: readonly Part[],
): Generator<{ name: string; type: 'directory' } | (Part & { type: 'file' })> {
  yield { name: 'blobs', type: 'directory' };
  yield { name: 'blobs/sha256', type: 'directory' };
  for (const part of parts) yield { ...part, type: 'file' };
}

function headerFor(name: string, type: 'file' | 'directory', size: number, position: number): Buffer {
  const member = { name, type, size, mode: type === 'file' ? 0o644 : 0o755, uid: 0, gid: 0, mtimeNs: 0n };
  return encodeHeader(member, size >= alignFrom ? { position, to: alignBytes } : undefined);
}

interface Target {
  bytes(data: Buffer, position: number): Promise<void>;
  file(path: string, size: number, position: number): Promise<void>;
}

async function writeParts(parts: readonly Part[], target: Target, signal?: AbortSignal): Promise<number> {
  let position = 0;
  const put = async (data: Buffer) => {
    await target.bytes(data, position);
    position += data.length;
  };
  for (const part of members(parts)) {
    signal?.throwIfAborted();
    const size = part.type === 'directory' ? 0 : 'bytes' in part ? part.bytes.length : part.size;
    await put(headerFor(part.name, part.type, size, position));
    if (part.type === 'directory') continue;
    if ('bytes' in part) {
      await put(part.bytes);
    } else {
      await target.file(part.path, size, position);
      position += size;
    }
    await put(Buffer.alloc(paddingOf(size)));
  }
  await put(endOfArchive);
  return position;
}

/** Writes into an empty file; returns the archive's length. */
export function writeArchive(parts: readonly Part[], fd: number, signal?: AbortSignal): Promise<number> {
  const bytes: Target['bytes'] = async (data, position) => {
    for (let at = 0; at < data.length; ) at += writeSync(fd, data, at, data.length - at, position + at);
  };
  return writeParts(
    parts,
    {
      bytes,
      async file(path, size, position) {
        const from = openSync(path, 'r');
        try {
          const copied = await transfer({ from, fromAt: 0, to: fd, toAt: position, length: size, signal });
          if (copied < size) throw cutOff(path);
        } finally {
          closeSync(from);
        }
      },
    },
    signal,
  );
}

/** Writes into a pipe, as fast as it takes the data; does not end it. */
export async function streamArchive(
  parts: readonly Part[],
  output: Writable,
  signal?: AbortSignal,
): Promise<number> {
  const bytes = async (data: Buffer) => {
    if (output.destroyed)
      throw outside('broken-pipe', 'The reader of the archive ended before all of it was written.');
    if (!output.write(data)) await once(output, 'drain', signal ? { signal } : {});
  };
  const total = await writeParts(
    parts,
    {
      bytes,
      async file(path, size) {
        let length = 0;
        for await (const chunk of createReadStream(path, {
          highWaterMark: 1024 * 1024,
        }) as AsyncIterable<Buffer>) {
          await bytes(chunk);
          length += chunk.length;
        }
        if (length !== size) throw cutOff(path);
      },
    },
    signal,
  );
  await written(output);
  return total;
}

function cutOff(path: string): unknown {
  return outside('broken-blob', `The blob ${path} is shorter than it was.`, {
    hint: 'Run `cambium doctor --repair`.',
  });
}
