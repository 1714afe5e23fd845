/** Bodies of answers: small ones in memory, up to a limit; the others passed over. */
import type { Readable } from 'node:stream';
import { outside } from '../../kit/errors.ts';

/** All of it. Refuses (code `too-big`) more than `limitBytes` without reading on. */
export async function readSmall(body: Readable, limitBytes: number, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limitBytes) {
      body.destroy();
      throw outside('too-big', `${what} is bigger than ${limitBytes} bytes: it is refused.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Reads to the end, so that the connection can be used again; a long rest isn't worth it. */
export async function discard(body: Readable): Promise<void> {
  await readSmall(body, 64 * 1024, 'the answer').catch(() => body.destroy());
}

const maxWordsBytes = 16 * 1024;

/** What a server says of its refusal; empty where that is too long or breaks off. */
export function readExplanation({ body }: { body: Readable }): Promise<Buffer> {
  return readSmall(body, maxWordsBytes, 'the answer').catch(() => Buffer.alloc(0));
}
