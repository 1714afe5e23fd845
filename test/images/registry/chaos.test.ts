/** A registry behind a line that breaks, stalls, refuses and lies at random, by a seed: no wrong blob, no hang. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openRegistry, type Registry } from '../../../src/images/registry/client.ts';
import { type Connector, openConnector } from '../../../src/images/registry/connect.ts';
import { blobStream } from '../../../src/images/registry/download.ts';
import { bytesBody } from '../../../src/images/registry/forms.ts';
import { sendBlob } from '../../../src/images/registry/upload.ts';
import { UserError } from '../../../src/kit/errors.ts';
import { cambiumOk, startCambium } from '../../support/cli.ts';
import { type Front, passOn, startFront } from '../../support/front.ts';
import { startRegistry, type TestRegistry } from '../../support/registry.ts';
import { makeLayout, skopeo } from '../../support/registry-images.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';

const seed = process.env['CHAOS_SEED'] ?? 'cambium';
const downloads = 320;
const uploads = 180;
const atOnce = 24;

let place: Scratch;
let registry: TestRegistry;
let front: Front;
let connector: Connector;
const counts = new Map<string, number>();

/** From 0 to 1; the same for the n-th request of its kind, whatever comes between. */
function chance(kind: string): (name: string) => number {
  const nth = (counts.get(kind) ?? 0) + 1;
  counts.set(kind, nth);
  return (name) =>
    createHash('sha256').update(`${seed} ${kind} ${nth} ${name}`).digest().readUInt32LE() / 2 ** 32;
}

async function trouble(asked: IncomingMessage, answer: ServerResponse): Promise<boolean> {
  if (asked.url === '/v2/') return false;
  const roll = chance(`${asked.method} ${asked.url?.replace(/\/uploads\/.*/, '/uploads/')}`);
  const what = roll('what');
  const size = Math.floor(roll('size') * 100_000);
  if (what < 0.05) answer.destroy();
  else if (what < 0.08) answer.writeHead(503).end('busy');
  else if (what < 0.1)
    answer
      .writeHead(429, { 'retry-after': roll('retry') < 0.5 ? '0' : '1' })
      .end('{"errors":[{"message":"slow down"}]}');
  else if (what < 0.13) answer.writeHead(500).end();
  else if (what < 0.135) answer.writeHead(401).end();
  else if (what < 0.14)
    return true; // Silence.
  else if (what < 0.17) await sleep(roll('delay') * 300);
  else if (what < 0.2) {
    // The request is cut while it is read.
    let seen = 0;
    asked.on('data', (chunk: Buffer) => {
      seen += chunk.length;
      if (seen > size / 4) answer.destroy();
    });
    return false;
  } else if (what < 0.25) {
    let left = size;
    passOn(registry.host, asked, answer, (chunk) => {
      left -= chunk.length;
      if (left > 0) return chunk;
      answer.destroy();
      return undefined;
    });
    return true;
  } else if (what < 0.26) {
    passOn(registry.host, asked, answer, (chunk) => {
      const wrong = Buffer.from(chunk);
      wrong[wrong.length >> 1] = (wrong[wrong.length >> 1] as number) ^ 1;
      return wrong;
    });
    return true;
  } else if (what < 0.3) delete asked.headers.range;
  return answer.destroyed || answer.writableEnded;
}

/** Content that is known by its number. */
function blob(number: number): { bytes: Buffer; digest: string; size: number } {
  const start = createHash('sha256').update(`${seed} blob ${number}`).digest();
  const size = start.readUInt16LE() * (number % 5 === 0 ? 6 : 1);
  const bytes = Buffer.alloc(size, start);
  return { bytes, size, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` };
}

const registryAt = (host: string): Registry =>
  openRegistry(
    { domain: host, host, path: 'blobs', schemes: ['http'], verify: true },
    { connector, env: { HOME: place.dir } },
  );

async function contentOf(from: Registry, blob: { digest: string; size: number }): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of blobStream(from, blob)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Runs all, some at once; gives back what failed. */
async function all(numbers: number[], work: (number: number) => Promise<void>): Promise<unknown[]> {
  const failures: unknown[] = [];
  const lane = async () => {
    for (let number = numbers.shift(); number !== undefined; number = numbers.shift())
      await work(number).catch((error) => failures.push(error));
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return failures;
}

function expectClear(failures: unknown[], of: number): void {
  for (const failure of failures) {
    expect(failure).toBeInstanceOf(UserError);
    expect((failure as UserError).exitCode).toBe(3);
    expect((failure as UserError).message).toMatch(/^[^\n]{20,300}\.$/);
  }
  expect(failures.length).toBeLessThan(of / 10);
}

beforeAll(async () => {
  place = scratch();
  connector = openConnector({ CAMBIUM_REGISTRY_TIMEOUT: '1' });
  registry = await startRegistry();
  front = await startFront(registry.host, trouble);
});
afterAll(async () => {
  connector[Symbol.dispose]();
  await front[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

describe('500 transfers', () => {
  const scope = 'repository:blobs:pull,push';

  test(`${uploads} blobs arrive as they are, or it is told`, async () => {
    const far = registryAt(front.host);
    const near = registryAt(registry.host);
    const arrived: number[] = [];
    const failures = await all([...Array(uploads).keys()], async (number) => {
      const { bytes, digest } = blob(number);
      await sendBlob(far, { digest, body: bytesBody(bytes) }, scope);
      arrived.push(number);
    });
    expectClear(failures, uploads);
    const wrong = await all(arrived, async (number) => {
      const { bytes, digest, size } = blob(number);
      expect((await contentOf(near, { digest, size })).equals(bytes)).toBe(true);
    });
    expect(wrong).toEqual([]);
  });

  test(`${downloads} blobs come as they are, or it is told`, async () => {
    const far = registryAt(front.host);
    const near = registryAt(registry.host);
    const kinds = 40;
    for (let number = 0; number < kinds; number++) {
      const { bytes, digest } = blob(1000 + number);
      await sendBlob(near, { digest, body: bytesBody(bytes) }, scope);
    }
    let wrong = 0;
    const failures = await all([...Array(downloads).keys()], async (number) => {
      const { bytes, digest, size } = blob(1000 + (number % kinds));
      const content = await contentOf(far, { digest, size });
      expect(content.length).toBe(size);
      // Bytes that were changed on their way are found by the digest, which the reader checks.
      if (!content.equals(bytes)) wrong += 1;
    });
    expectClear(failures, downloads);
    expect(wrong).toBeGreaterThan(0);
    expect(wrong).toBeLessThan(downloads / 10);
  });
});

test('images through the same line: whole, or told; never something else', async () => {
  skopeo(`oci:${makeLayout(place, 'chaos')}:latest`, `docker://${registry.host}/app:1`);
  const runs = await Promise.all(
    [...Array(8).keys()].map(async (number) => {
      const options = {
        store: place.path(`store-${number}`),
        env: { CAMBIUM_REGISTRY_TIMEOUT: '1', HOME: place.dir },
      };
      const { code, stderr } = await startCambium(['image', 'pull', '-q', `${front.host}/app:1`], options)
        .ended;
      return { code, stderr, options };
    }),
  );
  for (const { code, stderr, options } of runs) {
    expect([0, 3]).toContain(code);
    expect(stderr).not.toMatch(/\n {4}at /);
    if (code === 0)
      expect(cambiumOk(['image', 'inspect', `${front.host}/app:1`], options).stdout).toContain(
        'WHO=registry',
      );
    else expect(cambiumOk(['image', 'ls', '-aq'], options).stdout).toBe('');
    expect(cambiumOk(['doctor', '--repair'], options).stdout).not.toMatch(/blob|snapshot folder/);
  }
  expect(runs.filter(({ code }) => code === 0).length).toBeGreaterThan(4);
});
