/** The end of what goes to a reader: the program must not end while the reader hasn't taken all of it. */
import { createReadStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { widenPipe } from './system.ts';

const chunkBytes = 1024 * 1024;

/** Standard output, for much data. */
export function wideOutput(): Writable {
  widenPipe(1);
  return process.stdout;
}

/** Writes a file to standard output; resolves once all of it is out. */
export async function printFile(path: string): Promise<void> {
  const output = wideOutput();
  await pipeline(createReadStream(path, { highWaterMark: chunkBytes }), output, { end: false });
  await written(output);
}

/** Resolves once all that was written is out; a stream that is not ended doesn't tell otherwise. */
export function written(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('error', reject);
    stream.write('', (error) => {
      stream.off('error', reject);
      if (error) reject(error);
      else resolve();
    });
  });
}
