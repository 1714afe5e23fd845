/** Packs layers for registries, the same bytes for the same layer: gzip (`gzip.ts`), zstd, or not at all. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, read } from 'node:fs';
import { promisify } from 'node:util';
import type { Digest } from '../../kit/digest.ts';
import { errnoOf, outside } from '../../kit/errors.ts';
import { hashedFile, openGzip } from './gzip.ts';

const readAt = promisify(read);

const blockBytes = 1024 * 1024;
const zstdLevel = 3;

export interface Packed {
  digest: Digest;
  size: number;
}

/** Packs the file `from` of `size` bytes into the empty file `to`; returns what was written. */
export async function pack(
  compression: 'gzip' | 'zstd',
  from: number,
  size: number,
  to: number,
  signal?: AbortSignal,
): Promise<Packed> {
  if (compression === 'gzip') return packGzip(from, size, to, signal);
  const sink = hashedFile(to);
  try {
    for await (const chunk of zstdChunks(from, size)) {
      signal?.throwIfAborted();
      await sink.write(chunk);
    }
    return await sink.end();
  } finally {
    await sink.settled();
  }
}

async function packGzip(from: number, size: number, to: number, signal?: AbortSignal): Promise<Packed> {
  const packer = openGzip(to, signal);
  try {
    const bytes = Buffer.allocUnsafe(Math.min(size, blockBytes));
    for (let at = 0; at < size; ) {
      const { bytesRead } = await readAt(from, bytes, 0, Math.min(bytes.length, size - at), at);
      if (bytesRead === 0)
        throw outside('broken-blob', 'A layer in the store is shorter than it was.', {
          hint: 'Run `cambium doctor --repair`.',
        });
      await packer.write(bytes.subarray(0, bytesRead), at);
      at += bytesRead;
    }
    return await packer.end();
  } finally {
    await packer.settled();
  }
}

/** By the program: what newer Nodes have of zstd gives other bytes. */
async function* zstdChunks(from: number, size: number): AsyncGenerator<Buffer> {
  const input = createReadStream('', {
    fd: from,
    autoClose: false,
    start: 0,
    end: size - 1,
    highWaterMark: blockBytes,
  });
  const child = spawn('zstd', [`-${zstdLevel}`, '-T0', '-qc'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const closed = once(child, 'close') as Promise<[number | null]>;
  closed.catch(() => {});
  child.stdin.on('error', () => {});
  input.pipe(child.stdin);
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) yield chunk;
    const [code] = await closed;
    if (code !== 0) throw outside('zstd-failed', `The program zstd failed with ${code}.`);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw outside('missing-program', 'The program zstd is needed to pack layers so.', {
      hint: 'Install it: apt-get install zstd',
      cause: error,
    });
  } finally {
    if (child.exitCode === null) child.kill('SIGKILL');
  }
}
