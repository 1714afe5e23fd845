/**
 * One exchange over HTTP: connections that are kept and used again, through a proxy where the environment names one,
 * with the certificates that this machine trusts. Knows nothing of registries.
 */
import http from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { proxyFor, tunnel } from './proxy.ts';
import { trustFor } from './trust.ts';

/** What is sent; it must be readable again, for a second try. */
export interface Body {
  size: number;
  /** From the byte `start` on. */
  stream(start?: number): AsyncIterable<Uint8Array>;
}

export interface Exchange {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH';
  headers?: Readonly<Record<string, string>>;
  body?: Body;
  /** Whether the server's certificate is checked. */
  verify: boolean;
  signal?: AbortSignal | undefined;
}

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  /** Has to be read to its end, or destroyed. */
  body: Readable;
}

export interface Connector extends Disposable {
  /** Rejects with the system's error when the connection fails, or is silent for too long (`ETIMEDOUT`). */
  exchange(url: URL, request: Exchange): Promise<Answer>;
}

const defaultIdleMs = 30_000;
/** Who sends or takes less than this in that time is as good as silent: a byte now and then would keep us for ever. */
const leastBytes = 1024;
const maxConnections = 8;

export function openConnector(env: NodeJS.ProcessEnv = process.env): Connector {
  const agents = new Map<string, http.Agent>();
  const idleMs = Number(env['CAMBIUM_REGISTRY_TIMEOUT']) * 1000 || defaultIdleMs;

  const agentFor = (url: URL, verify: boolean): http.Agent => {
    const name = `${url.origin} ${verify}`;
    const agent = agents.get(name) ?? makeAgent(url, verify, env);
    agents.set(name, agent);
    return agent;
  };
  return {
    exchange: (url, request) => exchange(url, request, agentFor(url, request.verify), idleMs, env),
    [Symbol.dispose]() {
      for (const agent of agents.values()) agent.destroy();
    },
  };
}

function makeAgent(url: URL, verify: boolean, env: NodeJS.ProcessEnv): http.Agent {
  const kept = { keepAlive: true, maxSockets: maxConnections };
  if (url.protocol === 'http:') return new http.Agent(kept);
  const agent = new https.Agent({ ...kept, ...trustFor(url.host, env), rejectUnauthorized: verify });
  const proxy = proxyFor(url, env);
  return proxy === undefined ? agent : tunnel(agent, proxy);
}

async function exchange(
  url: URL,
  { method, headers, body, signal }: Exchange,
  agent: http.Agent,
  idleMs: number,
  env: NodeJS.ProcessEnv,
): Promise<Answer> {
  const options: https.RequestOptions = {
    method,
    agent,
    ...targetOf(url, env),
    ...(signal && { signal }),
  };
  const request = (url.protocol === 'https:' ? https : http).request(options);
  for (const [name, value] of Object.entries(headers ?? {})) request.setHeader(name, value);
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    // Stays: a connection that breaks after the answer is told by the answer's body.
    request.on('error', reject);
  });
  endWhenSilent(request, idleMs);
  send(request, method, body);
  const response = await answered;
  return { status: response.statusCode ?? 0, headers: response.headers, body: response };
}

/** From when it has a connection: it may have to wait for one that others use. */
function endWhenSilent(request: http.ClientRequest, idleMs: number): void {
  // To end the request would be told as a reset once there is an answer.
  let ended: http.ClientRequest | http.IncomingMessage = request;
  request.once('response', (answer) => {
    ended = answer;
  });
  request.once('socket', (socket) => {
    let before = socket.bytesRead + socket.bytesWritten;
    const timer = setInterval(() => {
      const moved = socket.bytesRead + socket.bytesWritten - before;
      before += moved;
      if (moved >= leastBytes) return;
      ended.destroy(Object.assign(new Error(`no answer for ${idleMs / 1000} s`), { code: 'ETIMEDOUT' }));
    }, idleMs);
    request.once('close', () => clearInterval(timer));
  });
}

function send(request: http.ClientRequest, method: string, body: Body | undefined): void {
  if (body === undefined || body.size === 0) {
    if (method !== 'GET' && method !== 'HEAD') request.setHeader('content-length', 0);
    request.end();
    return;
  }
  request.setHeader('content-length', body.size);
  // A server may refuse before it has read everything: its answer counts, not the broken pipe.
  pipeline(Readable.from(body.stream(), { objectMode: false }), request).catch((error) =>
    request.destroy(error),
  );
}

/** Where the request goes: plain HTTP through a proxy is asked of the proxy itself. */
function targetOf(url: URL, env: NodeJS.ProcessEnv): https.RequestOptions {
  const proxy = url.protocol === 'http:' ? proxyFor(url, env) : undefined;
  const { hostname, port } = proxy?.url ?? url;
  return {
    // An IPv6 address stands in brackets in URLs only.
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    ...(port !== '' && { port: Number(port) }),
    path: proxy === undefined ? `${url.pathname}${url.search}` : url.href,
    headers: { host: url.host, ...(proxy?.authorization && { 'proxy-authorization': proxy.authorization }) },
  };
}
