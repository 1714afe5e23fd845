/**
 * Files by URL. Each is kept (see downloads.ts) with what its server said of it, so that the next build only asks
 * whether it is still the same; with a checksum, and the file at hand, nobody is asked.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  createWriteStream,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { explainSystemError, outside, wrongUse } from '../../../kit/errors.ts';
import { setTimes } from '../../../kit/system.ts';
import type { RemoteSource } from '../../../plan/index.ts';
import { newId } from '../../../store/runs.ts';
import type { Store } from '../../../store/store.ts';
import { isTar, unpackInto } from '../copy/archives.ts';
import { downloadPlace, makeDownloads, touchDownload } from './downloads.ts';

type HttpSource = RemoteSource & { type: 'http' };

/** What is known of a downloaded file. */
export interface Download {
  /** Of the content: by the checksum's algorithm where one is given, else SHA-256. */
  digest: string;
  etag?: string;
  lastModified?: string;
}

const algorithms: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** Makes sure that the file is at hand and is the one that is expected. */
export async function download(store: Store, source: HttpSource): Promise<Download> {
  const algorithm = algorithmOf(source);
  const place = downloadPlace(store, source.url, algorithm);
  const { data, facts } = place;
  const known = existsSync(data) && existsSync(facts) ? (readFacts(facts) ?? undefined) : undefined;
  touchDownload(place);
  if (known && source.checksum === known.digest) return known;
  const response = await request(source, known);
  if (response.status === 304 && known) {
    check(source, known);
    return known;
  }
  makeDownloads(store);
  const half = `${data}.${newId()}`;
  try {
    const digest = await save(source, response, half, algorithm);
    const [etag, lastModified] = [response.headers.get('etag'), response.headers.get('last-modified')];
    const fresh: Download = { digest, ...(etag && { etag }), ...(lastModified && { lastModified }) };
    check(source, fresh);
    // The record goes before what it speaks of changes, and comes back after it.
    rmSync(facts, { force: true });
    renameSync(half, data);
    writeFileSync(`${half}.json`, JSON.stringify(fresh), { mode: 0o600 });
    renameSync(`${half}.json`, facts);
    return fresh;
  } finally {
    rmSync(half, { force: true });
  }
}

/** Copies the file into `root`, as BuildKit gives it: mode 0600 and the server's time; or unpacks it there. */
export async function placeDownload(
  store: Store,
  source: HttpSource,
  root: string,
  signal: AbortSignal,
): Promise<void> {
  const algorithm = algorithmOf(source);
  const { lastModified } = await atHand(store, source, algorithm);
  const { data } = downloadPlace(store, source.url, algorithm);
  if (source.unpack && (await isTar(data))) return unpackInto(data, root, signal);
  const to = join(root, source.file);
  copyFileSync(data, to);
  chmodSync(to, 0o600);
  const ms = lastModified === undefined ? 0 : Date.parse(lastModified);
  setTimes(to, BigInt(Number.isNaN(ms) ? 0 : ms) * 1_000_000n);
  setTimes(root, 0n);
}

async function atHand(store: Store, source: HttpSource, algorithm: string): Promise<Download> {
  const { data, facts } = downloadPlace(store, source.url, algorithm);
  return (existsSync(data) && readFacts(facts)) || download(store, source);
}

function readFacts(path: string): Download | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Download;
  } catch {
    return undefined;
  }
}

function algorithmOf({ checksum }: HttpSource): string {
  if (checksum === undefined) return 'sha256';
  const [algorithm = '', hex = ''] = checksum.split(':');
  const length = Object.hasOwn(algorithms, algorithm) ? algorithms[algorithm] : undefined;
  if (length === undefined || hex.length !== length || !/^[0-9a-f]+$/.test(hex)) {
    throw wrongUse('bad-checksum', `\`${checksum}\` is no checksum.`, {
      hint: 'It is written sha256:… (or sha384:…, sha512:…) with lower case hex digits.',
    });
  }
  return algorithm;
}

async function request({ url }: HttpSource, known: Download | undefined): Promise<Response> {
  const headers: Record<string, string> = { 'accept-encoding': 'identity', 'user-agent': 'cambium' };
  if (known?.etag) headers['if-none-match'] = known.etag;
  else if (known?.lastModified) headers['if-modified-since'] = known.lastModified;
  let response: Response;
  try {
    response = await fetch(url, { headers, redirect: 'follow' });
  } catch (error) {
    const { cause } = error as { cause?: { message?: string; code?: string } };
    const why = cause?.message || cause?.code || (error as Error).message;
    throw outside('unreachable-url', `${url} can't be reached: ${why}.`, {
      hint: 'Look at the address and the network, or copy the file from the context.',
      cause: error,
    });
  }
  if (!response.ok && response.status !== 304) {
    throw outside(
      'unreachable-url',
      `${url} can't be fetched: the server says ${response.status}${response.statusText && ` ${response.statusText}`}.`,
    );
  }
  return response;
}

async function save(source: HttpSource, response: Response, to: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  const hashing = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      done(undefined, chunk);
    },
  });
  const body = response.body === null ? Readable.from([]) : Readable.fromWeb(response.body as never);
  try {
    await pipeline(body, hashing, createWriteStream(to, { mode: 0o600, flags: 'wx' }));
  } catch (error) {
    const explained = explainSystemError(error, `saving ${source.url}`);
    if (explained !== error) throw explained;
    throw outside('unreachable-url', `${source.url} broke off while it was fetched.`, { cause: error });
  }
  return `${algorithm}:${hash.digest('hex')}`;
}

function check({ url, checksum }: HttpSource, { digest }: Download): void {
  if (checksum === undefined || checksum === digest) return;
  throw wrongUse(
    'wrong-checksum',
    `${url} isn't what is expected: it has the checksum ${digest}, not ${checksum}.`,
  );
}
