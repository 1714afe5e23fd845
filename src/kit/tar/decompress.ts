/** Decompression by the first bytes of the data: gzip (of several members too), zstd, or none. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pipeline, Readable, type Transform } from 'node:stream';
import zlib from 'node:zlib';
import { errnoOf, outside } from '../errors.ts';
import { brokenTar } from './format.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

export interface DecompressOptions {
  /** Refuse (code `too-big`) to give out more than this many bytes: against archives that unfold without end. */
  limitBytes?: number;
  /** What to say then, if not that the archive is suspicious. */
  tooBig?: () => Error;
}

/** Inflating goes on in its thread while the last chunks are written: as much is held ready. */
const ahead = { chunkSize: 512 * 1024, readableHighWaterMark: 2 * 1024 * 1024 };

/** How data with this beginning (at least four bytes) is compressed. */
export function compressionOf(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return 'zstd';
  return 'none';
}

/** The data decompressed. Throws `broken-tar` where the compression is damaged or cut off. */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  options: DecompressOptions = {},
): AsyncGenerator<Buffer> {
  const limit = options.limitBytes ?? Number.POSITIVE_INFINITY;
  let total = 0;
  for await (const chunk of plainChunks(source)) {
    total += chunk.length;
    if (total > limit) {
      if (options.tooBig) throw options.tooBig();
      throw outside('too-big', `The archive unpacks to more than ${limit} bytes.`, {
        hint: 'It may be made to fill the disk; if it is not, make room for it.',
      });
    }
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
}

async function* plainChunks(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  const head: Uint8Array[] = [];
  let length = 0;
  while (length < 4) {
    const next = await iterator.next();
    if (next.done === true) break;
    head.push(next.value);
    length += next.value.length;
  }
  const whole = (async function* () {
    try {
      yield* head;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
        yield next.value;
    } finally {
      await iterator.return?.();
    }
  })();
  const compression = compressionOf(Buffer.concat(head));
  if (compression === 'none') yield* whole;
  else if (compression === 'gzip') yield* through(whole, zlib.createGunzip(ahead));
  // Newer Nodes have zstd too, but give the first frame of several alone, and take data that is cut off for whole.
  else yield* throughProgram(whole, 'zstd', ['-dcq']);
}

async function* through(source: AsyncIterable<Uint8Array>, transform: Transform): AsyncIterable<Uint8Array> {
  // An error of the source reaches the reader through the transform that it destroys.
  const output = pipeline(Readable.from(source, { objectMode: false }), transform, () => {});
  try {
    for await (const chunk of output as AsyncIterable<Buffer>) yield chunk;
  } catch (error) {
    if (/^Z_/.test(errnoOf(error) ?? ''))
      throw brokenTar(`its compressed data is damaged (${(error as Error).message})`);
    throw error;
  }
}

async function* throughProgram(
  source: AsyncIterable<Uint8Array>,
  program: string,
  args: string[],
): AsyncIterable<Uint8Array> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  closed.catch(() => {});
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  let sourceError: unknown;
  pipeline(Readable.from(source, { objectMode: false }), child.stdin, (error) => {
    // When the program ends first, its exit code tells more than our broken pipe.
    if (error && error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') {
      sourceError = error;
      child.kill('SIGKILL');
    }
  });
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) yield chunk;
    const [code] = (await closed) as [number | null];
    if (sourceError !== undefined) throw sourceError;
    if (code !== 0)
      throw brokenTar(`its compressed data is damaged (${complaint.trim() || `${program} failed`})`);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      throw outside('missing-program', `The program ${program} is needed to read this archive.`, {
        hint: `Install it: apt-get install ${program}`,
        cause: error,
      });
    }
    throw error;
  } finally {
    if (child.exitCode === null) child.kill('SIGKILL');
  }
}
