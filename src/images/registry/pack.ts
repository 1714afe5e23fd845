/**
 * Packs layers for registries, the same bytes for the same layer: gzip in blocks of a fixed size, several at once, each
 * with the end of the one before as its dictionary (one gzip member, as pigz writes); zstd; or not at all.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, read, write } from 'node:fs';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { Digest } from '../../kit/digest.ts';
import { errnoOf, outside } from '../../kit/errors.ts';

const readAt = promisify(read);
const writeAt = promisify(write);
const deflate = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.deflateRaw);

const blockBytes = 1024 * 1024;
const dictionaryBytes = 32 * 1024;
/** Twice as fast as the usual 6, and 3 % bigger. */
const gzipLevel = 4;
const zstdLevel = 3;
/** As many as Node has threads for it. */
const atOnce = 4;
/** Most blocks pack to less: then they come in one turn, not in dozens. */
const turnBytes = 512 * 1024;

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
  const hash = createHash('sha256');
  let position = 0;
  const chunks = compression === 'gzip' ? gzipChunks(from, size) : zstdChunks(from, size);
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    hash.update(chunk);
    for (let at = 0; at < chunk.length; )
      at += (await writeAt(to, chunk, at, chunk.length - at, position + at)).bytesWritten;
    position += chunk.length;
  }
  return { digest: `sha256:${hash.digest('hex')}` as Digest, size: position };
}

/** RFC 1952: no name, no time, of no particular system. */
const gzipHeader = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** RFC 1951: an empty block that is the last. */
const endOfDeflate = Buffer.from([3, 0]);

async function* gzipChunks(from: number, size: number): AsyncGenerator<Buffer> {
  yield gzipHeader;
  let sum = 0;
  const under: Promise<Block>[] = [];
  const spare: Buffer[] = [];
  const settle = async () => {
    const { memory, plain, packed } = await (under.shift() as Promise<Block>);
    sum = zlib.crc32(plain, sum);
    spare.push(memory);
    return packed;
  };
  try {
    for (let at = 0; at < size; at += blockBytes) {
      const memory = spare.pop() ?? Buffer.allocUnsafe(dictionaryBytes + blockBytes);
      under.push(packBlock(from, at, Math.min(blockBytes, size - at), memory));
      if (under.length >= atOnce) yield await settle();
    }
    while (under.length > 0) yield await settle();
  } finally {
    await Promise.allSettled(under);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(sum, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  yield Buffer.concat([endOfDeflate, trailer]);
}

interface Block {
  /** Free for another block. */
  memory: Buffer;
  plain: Buffer;
  packed: Buffer;
}

async function packBlock(from: number, at: number, length: number, memory: Buffer): Promise<Block> {
  const before = Math.min(at, dictionaryBytes);
  const bytes = memory.subarray(0, before + length);
  for (let filled = 0; filled < bytes.length; ) {
    const { bytesRead } = await readAt(from, bytes, filled, bytes.length - filled, at - before + filled);
    if (bytesRead === 0)
      throw outside('broken-blob', 'A layer in the store is shorter than it was.', {
        hint: 'Run `cambium doctor --repair`.',
      });
    filled += bytesRead;
  }
  const plain = bytes.subarray(before);
  const packed = await deflate(plain, {
    level: gzipLevel,
    chunkSize: turnBytes,
    finishFlush: zlib.constants.Z_SYNC_FLUSH,
    ...(before > 0 && { dictionary: bytes.subarray(0, before) }),
  });
  return { memory, plain, packed };
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
