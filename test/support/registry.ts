/** Debian's docker-registry, one of a test's own on loopback: plain or with TLS, open or with a login. */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Scratch, scratch } from './scratch.ts';

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  host: string;
  place: Scratch;
  /** What it was asked so far, as `GET /v2/…`. */
  requests(): string[];
}

export interface TestRegistryOptions {
  /** Files with its certificate and key. */
  tls?: { certificate: string; key: string };
  /** Lines of YAML below `auth:`. */
  auth?: (place: Scratch) => string;
  /** Name that clients use instead of 127.0.0.1. */
  name?: string;
  port?: number;
}

/** The login that `htpasswd` takes. */
export const login = { user: 'alice', password: 'secret-pass' };

/** For `auth`: a file with the login above. */
export function htpasswd(place: Scratch): string {
  writeFileSync(
    place.path('htpasswd'),
    `${login.user}:$2y$05$abcdefghijklmnopqrstuuwCOGMJGvW9mUhylOie71ybcMVUf/jdO\n`,
  );
  return `  htpasswd:\n    realm: test\n    path: ${place.path('htpasswd')}\n`;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function startRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const place = scratch();
  const port = options.port ?? (await freePort());
  const { tls } = options;
  writeFileSync(
    place.path('config.yml'),
    `version: 0.1
log:
  accesslog:
    disabled: false
  level: error
storage:
  filesystem:
    rootdirectory: ${place.path('data')}
  delete:
    enabled: true
http:
  addr: 127.0.0.1:${port}
${tls ? `  tls:\n    certificate: ${tls.certificate}\n    key: ${tls.key}\n` : ''}${
  options.auth ? `auth:\n${options.auth(place)}` : ''
}`,
  );
  const log = place.path('log');
  const child = spawn(
    'sh',
    ['-c', 'exec docker-registry serve "$0" >"$1" 2>&1', place.path('config.yml'), log],
    {
      stdio: 'ignore',
      // Its own tracing looks for a server elsewhere.
      env: { PATH: process.env['PATH'] ?? '', OTEL_TRACES_EXPORTER: 'none' },
    },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
    place[Symbol.dispose]();
  };
  const host = `${options.name ?? '127.0.0.1'}:${port}`;
  for (const end = Date.now() + 20_000; ; await sleep(50)) {
    try {
      execFileSync('curl', ['-sko', '/dev/null', `${tls ? 'https' : 'http'}://127.0.0.1:${port}/v2/`]);
      break;
    } catch (error) {
      if (Date.now() < end && child.exitCode === null) continue;
      const text = readFileSync(log, 'utf8').slice(-2000);
      await stop();
      throw new Error(`docker-registry didn't start:\n${text}`, { cause: error });
    }
  }
  const first = () =>
    [...readFileSync(log, 'utf8').matchAll(/"((?:GET|HEAD|POST|PUT|PATCH|DELETE) \S+) HTTP/g)].map(
      (match) => match[1] as string,
    );
  const before = first().length;
  return { host, place, requests: () => first().slice(before), [Symbol.asyncDispose]: stop };
}
