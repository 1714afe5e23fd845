/** A blob as a stream that outlives broken connections: it goes on where the last one ended. */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import type { Digest } from '../../kit/digest.ts';
import { outside, UserError } from '../../kit/errors.ts';
import type { Registry } from './client.ts';
import type { Answer } from './connect.ts';
import { explainConnection } from './failures.ts';
import { pullScope } from './manifests.ts';
import { isBrokenConnection, retryBudget } from './retry.ts';

/** A connection that brought this much before it broke was a good one. */
const progressBytes = 64 * 1024;

/** The blob's bytes, exactly as many as it is said to have. Its digest is checked by who reads it. */
export async function* blobStream(
  registry: Registry,
  { digest, size }: { digest: string; size: number },
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  const budget = retryBudget();
  let at = 0;
  let renewedAt = 0;
  const tooLong = () =>
    outside(
      'wrong-size',
      `The blob ${digest} of ${registry.repository} has more bytes than the ${size} that its manifest says.`,
    );
  for (;;) {
    let failed: unknown;
    try {
      const { body, skip } = await open(registry, digest, at);
      let passed = 0;
      try {
        for await (const chunk of body as AsyncIterable<Buffer>) {
          signal?.throwIfAborted();
          const useful = passed < skip ? chunk.subarray(Math.min(chunk.length, skip - passed)) : chunk;
          passed += chunk.length;
          if (at + useful.length > size) throw tooLong();
          at += useful.length;
          if (useful.length > 0) yield useful;
        }
      } finally {
        body.destroy();
      }
      if (at === size) return;
      failed = outside(
        'cut-off',
        `The registry ${registry.endpoint.host} ends the blob ${digest} after ${at} of ${size} bytes.`,
      );
    } catch (error) {
      if (error instanceof UserError || !isBrokenConnection(error))
        throw explainConnection(error, registry.endpoint.host);
      failed = explainConnection(error, registry.endpoint.host);
      if (at === size) return;
    }
    if (at - renewedAt >= progressBytes) {
      budget.renew();
      renewedAt = at;
    }
    await budget.wait({ failed }, signal);
  }
}

/** `skip`: bytes of the answer that came before already, where the registry knows no ranges. */
async function open(
  registry: Registry,
  digest: string,
  at: number,
): Promise<{ body: Answer['body']; skip: number }> {
  const answer = await registry.send({
    method: 'GET',
    at: `blobs/${digest}`,
    headers: { 'accept-encoding': 'identity', ...(at > 0 && { range: `bytes=${at}-` }) },
    scope: pullScope(registry),
  });
  if (answer.status === 200) return { body: answer.body, skip: at };
  if (answer.status === 206) {
    const start = Number(/^bytes (\d+)-/.exec(answer.headers['content-range'] ?? '')?.[1]);
    if (start === at) return { body: answer.body, skip: 0 };
    answer.body.destroy();
    throw outside(
      'bad-range',
      `The registry ${registry.endpoint.host} gives another part of ${digest} than was asked for.`,
    );
  }
  throw await registry.explain(answer, `give the blob ${digest}`);
}

/** Writes a blob's stream into an empty file, and checks its digest. */
export async function saveChecked(
  chunks: AsyncIterable<Buffer>,
  fd: number,
  { digest }: { digest: Digest },
): Promise<{ digest: Digest; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at, chunk.length - at, size + at);
    size += chunk.length;
  }
  if (`sha256:${hash.digest('hex')}` !== digest)
    throw outside('wrong-digest', `The blob ${digest} is not what its digest says.`);
  return { digest, size };
}
