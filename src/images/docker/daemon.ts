/** The Docker daemon's API over HTTP: what it has, loading and saving images. Podman's service answers the same. */
import type { Readable, Writable } from 'node:stream';
import { outside, type UserError } from '../../kit/errors.ts';
import { type DaemonEndpoint, daemonEndpoint } from './endpoint.ts';
import { type Answer, agentFor, answerOf, otherwise, startRequest, textOf } from './http.ts';

export interface DaemonImage {
  /** Digest of the configuration; with containerd's image store, of the manifest or index. */
  id: string;
  /** Digests of its uncompressed layers, the lowest first. */
  layers: string[];
}

export interface ListedImage {
  id: string;
  names: string[];
}

export interface Daemon extends Disposable {
  /** For messages: `the Docker daemon at unix:///var/run/docker.sock`. */
  place: string;
  /** What keeps its images: layers on their own, blobs by digest (containerd), or something that tells nothing (Podman). */
  store(): Promise<'layers' | 'blobs' | 'unknown'>;
  /** All images, the newest first. */
  list(): Promise<ListedImage[]>;
  /** Undefined when it has none of that name or id. */
  inspect(name: string): Promise<DaemonImage | undefined>;
  /** Sends what `write` writes, an archive of images; throws `docker-load` when the daemon refuses it. */
  load<T>(write: (output: Writable, signal: AbortSignal) => Promise<T>): Promise<T>;
  /** The archive of an image. */
  save(name: string): Promise<Readable>;
}

export interface DaemonOptions {
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
}

/** Finds the daemon; nothing is asked of it yet. Dispose of it at the end. */
export function openDaemon({ env = process.env, signal }: DaemonOptions = {}): Daemon {
  const endpoint = daemonEndpoint(env);
  const agent = agentFor(endpoint);
  const ask = async (method: string, path: string): Promise<Answer> => {
    const request = startRequest(endpoint, agent, { method, path, signal });
    request.end();
    return answerOf(endpoint, request);
  };
  const askJson = async <T>(path: string): Promise<T | undefined> => {
    const answer = await ask('GET', path);
    if (answer.statusCode === 404) {
      answer.resume();
      return undefined;
    }
    const text = await textOf(answer);
    if (answer.statusCode !== 200) throw refused(endpoint, answer.statusCode, text);
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw outside('no-docker', `What answers at ${endpoint.name} is no Docker daemon.`, { cause: error });
    }
  };
  return {
    place: `the Docker daemon at ${endpoint.name}`,
    async store() {
      const facts = await askJson<{ DriverStatus?: string[][] | null; Driver?: string }>('/info');
      const status = new Map(facts?.DriverStatus?.map(([name, value]) => [name, value]));
      if (status.get('driver-type') === 'io.containerd.snapshotter.v1') return 'blobs';
      const version = await askJson<{ Components?: { Name?: string }[] | null }>('/version');
      const isPodman = version?.Components?.some(({ Name }) => Name?.includes('Podman'));
      return isPodman || facts?.Driver === undefined ? 'unknown' : 'layers';
    },
    async list() {
      type Listed = { Id: string; Created: number; RepoTags?: string[] | null };
      const images = (await askJson<Listed[]>('/images/json')) ?? [];
      return images
        .sort((a, b) => b.Created - a.Created)
        .map(({ Id, RepoTags }) => ({ id: Id, names: RepoTags ?? [] }));
    },
    async inspect(name) {
      type Inspected = { Id: string; RootFS?: { Layers?: string[] | null } };
      const facts = await askJson<Inspected>(`/images/${pathOf(name)}/json`);
      return facts && { id: facts.Id, layers: facts.RootFS?.Layers ?? [] };
    },
    async load(write) {
      // A daemon that refuses may not read to the end: its answer counts, and ends the writing.
      const stop = new AbortController();
      const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
      const request = startRequest(endpoint, agent, { method: 'POST', path: '/images/load?quiet=1', signal });
      request.setHeader('content-type', 'application/x-tar');
      const answered = answerOf(endpoint, request).then(readLoaded);
      answered.then((why) => why !== undefined && stop.abort()).catch(() => stop.abort());
      const written = write(request, both);
      // Not ended when something failed: half an archive would look like a whole one.
      written.then(() => request.end()).catch((error) => request.destroy(error));
      const [answer, sent] = await Promise.allSettled([answered, written]);
      if (answer.status === 'rejected') throw answer.reason;
      if (answer.value !== undefined) throw loadRefused(answer.value);
      if (sent.status === 'rejected') throw sent.reason;
      return sent.value;
    },
    async save(name) {
      const answer = await ask('GET', `/images/${pathOf(name)}/get`);
      if (answer.statusCode === 200) return answer;
      throw refused(endpoint, answer.statusCode, await textOf(answer));
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
}

/** Slashes of a name stand as they are; the daemon's routes want them so. */
function pathOf(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/');
}

function messageIn(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string') return message.trim();
  } catch {
    // Not JSON: told as it is.
  }
  return text.trim().slice(0, 300) || 'it said nothing';
}

function refused({ name }: DaemonEndpoint, status: number | undefined, text: string): UserError {
  if (/HTTP request to an HTTPS server/.test(text))
    return outside('docker-refused', `The Docker daemon at ${name} answers with TLS alone.`, {
      hint: 'Set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem.',
    });
  return outside('docker-refused', `The Docker daemon at ${name} answers ${status}: ${messageIn(text)}.`);
}

function loadRefused(why: string): UserError {
  return outside('docker-load', `The Docker daemon didn't load the image: ${why}.`, { hint: otherwise });
}

/** Reads the answer of a load, one JSON object after another; what it complains of, if it does. */
async function readLoaded(answer: Answer): Promise<string | undefined> {
  const text = await textOf(answer);
  if (answer.statusCode !== 200) return messageIn(text);
  for (const line of text.split(/\r?\n/)) {
    if (!line.includes('"error')) continue;
    try {
      const { error, errorDetail } = JSON.parse(line) as {
        error?: string;
        errorDetail?: { message?: string };
      };
      const why = error ?? errorDetail?.message;
      if (why !== undefined) return why;
    } catch {
      return line.slice(0, 300);
    }
  }
  return undefined;
}
