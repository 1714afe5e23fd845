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
import { STATUS_CODES } from 'node:http';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Answer, type Connector, openConnector } from '../../../images/registry/connect.ts';
import { explainSystemError, outside, UserError, wrongUse } from '../../../kit/errors.ts';
import { setTimes } from '../../../kit/system.ts';
import { splitAuthorization } from '../../../kit/url-logins.ts';
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

const maxRedirects = 20;
const algorithms: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** Makes sure that the file is at hand and is the one that is expected. */
export async function download(store: Store, source: HttpSource): Promise<Download> {
  const algorithm = algorithmOf(source);
  const place = downloadPlace(store, source.url, algorithm);
  const { data, facts } = place;
  const known = existsSync(data) && existsSync(facts) ? (readFacts(facts) ?? undefined) : undefined;
  touchDownload(place);
  if (known && source.checksum === known.digest) return known;
  using connector = openConnector();
  const answer = await request(source, known, connector);
  if (answer.status === 304 && known) {
    answer.body.resume();
    check(source, known);
    return known;
  }
  makeDownloads(store);
  const half = `${data}.${newId()}`;
  try {
    const digest = await save(source, answer, half, algorithm);
    const { etag, 'last-modified': lastModified } = answer.headers;
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

/** One address after the other, where a server sends elsewhere. */
async function request(
  { url }: HttpSource,
  known: Download | undefined,
  connector: Connector,
): Promise<Answer> {
  const headers: Record<string, string> = { 'accept-encoding': 'identity', 'user-agent': 'cambium' };
  if (known?.etag) headers['if-none-match'] = known.etag;
  else if (known?.lastModified) headers['if-modified-since'] = known.lastModified;
  if (!URL.canParse(url)) throw wrongUse('bad-url', `\`${url}\` is no URL.`);
  let at = new URL(url);
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const answer = await ask(connector, at, headers, url);
    const { status } = answer;
    const elsewhere = [301, 302, 303, 307, 308].includes(status) ? answer.headers.location : undefined;
    if (elsewhere === undefined) {
      if (status === 200 || status === 304) return answer;
      answer.body.destroy();
      throw outside('unreachable-url', `${url} can't be fetched: the server says ${wordsOfStatus(status)}.`);
    }
    answer.body.destroy();
    if (!URL.canParse(elsewhere, at.href)) break;
    at = new URL(elsewhere, at.href);
    if (!/^https?:$/.test(at.protocol)) break;
  }
  throw outside('unreachable-url', `${url} can't be fetched: its server sends from one address to the next.`);
}

async function ask(
  connector: Connector,
  at: URL,
  headers: Readonly<Record<string, string>>,
  url: string,
): Promise<Answer> {
  try {
    const { bare, ...login } = splitAuthorization(at);
    return await connector.exchange(bare, { method: 'GET', headers: { ...headers, ...login }, verify: true });
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { message, code } = error as NodeJS.ErrnoException;
    throw outside('unreachable-url', `${url} can't be reached: ${message || code}.`, {
      hint: hintFor(code),
      cause: error,
    });
  }
}

function hintFor(code: string | undefined): string {
  if (/CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/.test(code ?? ''))
    return 'Name the authority of its certificate: SSL_CERT_FILE=FILE, or add it to those of this machine.';
  return 'Look at the address, the network and the proxy (HTTP_PROXY, NO_PROXY), or copy the file from the context.';
}

function wordsOfStatus(status: number): string {
  const words = STATUS_CODES[status];
  return words === undefined ? String(status) : `${status} ${words}`;
}

async function save(source: HttpSource, answer: Answer, to: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  const hashing = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      done(undefined, chunk);
    },
  });
  try {
    await pipeline(answer.body, hashing, createWriteStream(to, { mode: 0o600, flags: 'wx' }));
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
