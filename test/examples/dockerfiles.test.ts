/**
 * The examples that are Dockerfiles: each is built on `hello`, again, and after a change of one line; then the
 * program in it is run. Needs the mirror and npm's registry.
 */
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BuildEvent } from '../../src/plan/index.ts';
import { type BuildRun, buildOk, cambiumOk } from '../support/cli.ts';
import { startDockerd } from '../support/dockerd.ts';
import { scratch } from '../support/scratch.ts';

const here = scratch();
afterAll(() => here[Symbol.dispose]());

/** The machine's certificate authorities: its registry may be one of its own. */
const authority = process.env['NODE_EXTRA_CA_CERTS'];
const at = {
  store: here.path('store'),
  ...(authority !== undefined && { env: { NODE_EXTRA_CA_CERTS: authority } }),
};
const secrets = authority === undefined ? [] : ['--secret', `id=ca,src=${authority}`];

beforeAll(() => {
  buildOk([example('hello'), '-t', 'hello'], at);
}, 300_000);

test('node-app: packages, a native module, and stages side by side', { timeout: 600_000 }, async () => {
  const source = copyOf('node-app');
  const args = [source, '-t', 'node-app', ...secrets];
  const first = buildOk(args, at);
  expect(titles(first)).toEqual(
    expect.arrayContaining([
      expect.stringContaining('npm ci'),
      expect.stringContaining('node-gyp.js rebuild'),
      expect.stringContaining('RUN useradd'),
    ]),
  );
  expect(titles(buildOk(args, at))).toEqual([]);

  edit(`${source}/src/words.js`, "'yew'", "'walnut', 'yew'");
  expect(titles(buildOk(args, at))).toEqual([
    'COPY src/ src/',
    'RUN useradd --system --home-dir /app --shell /usr/sbin/nologin service',
  ]);

  edit(`${source}/native/distance.c`, '/* One row', '/* A single row');
  const native = titles(buildOk(args, at));
  expect(native.slice(0, 2)).toEqual([
    'COPY native/ native/',
    expect.stringContaining('node-gyp.js rebuild'),
  ]);
  expect(native).not.toContainEqual(expect.stringContaining('npm ci'));
  // A comment changes nothing of what the compiler makes: the module is the same, and no step after it runs.
  expect(native.filter((title) => title.startsWith('RUN'))).toHaveLength(1);

  const archive = here.path('node-app.tar');
  buildOk([...args, '-o', `type=docker,dest=${archive}`], at);
  await using daemon = await startDockerd();
  daemon.docker('load', '-i', archive);
  expect(JSON.parse(daemon.docker('run', '--rm', '--network', 'host', 'node-app', 'walnot'))).toContainEqual({
    word: 'walnut',
    distance: 1,
  });
});

test('c-app: configure, make, and a compiler cache that outlives the steps', { timeout: 600_000 }, () => {
  const source = copyOf('c-app');
  const args = [source, '-t', 'c-app', '--build-arg', 'UNITS=5'];
  const first = buildOk(args, at);
  expect(titles(first)).toContainEqual(expect.stringContaining('./configure'));
  expect(compilerCache(first)).toEqual({ hits: 0, misses: 7 });
  expect(titles(buildOk(args, at))).toEqual([]);

  edit(`${source}/src/main.c`, 'usage: checksums', 'Usage: checksums');
  const second = buildOk(args, at);
  expect(titles(second)).toEqual([
    'COPY src/ src/',
    expect.stringContaining('RUN --mount=type=cache,id=c-app-ccache'),
    expect.stringContaining('COPY --from=built'),
  ]);
  // The counts are of both builds: five units and the table were found, main.c was compiled again.
  expect(compilerCache(second)).toEqual({ hits: 6, misses: 8 });

  const sums = cambiumOk(['shell', 'c-app', 'sh', '-c', 'printf 123456789 | checksums'], at).stdout;
  expect(sums.trim().split('\n')).toEqual([
    'cbf43926',
    ...Array(4).fill(expect.stringMatching(/^[0-9a-f]{8}$/)),
  ]);
});

test('site: a bundle, as an image and as files', { timeout: 600_000 }, () => {
  const source = copyOf('site');
  const args = [source, ...secrets];
  expect(titles(buildOk([...args, '-t', 'site'], at))).toContain('RUN npm run build');
  expect(titles(buildOk([...args, '-t', 'site'], at))).toEqual([]);

  edit(`${source}/src/rings.ts`, '2 + Math.sin', '3 + Math.sin');
  expect(titles(buildOk([...args, '-t', 'site'], at))).toEqual([
    'COPY src/ src/',
    'RUN npm run build',
    'COPY --from=bundle /site/dist/ /',
    'COPY --link --from=files / /srv/site/',
    expect.stringContaining('WORKDIR'),
  ]);
  const titled = buildOk([...args, '-t', 'site', '--build-arg', 'TITLE=Years'], at);
  expect(titles(titled)[0]).toBe('RUN npm run build');
  expect(titles(titled)).not.toContainEqual(expect.stringContaining('npm ci'));

  // Steps and shells have the host's network: another run of this test has another port.
  const address = `127.0.0.1:${20_000 + (process.pid % 10_000)}`;
  const fetched = `busybox httpd -p ${address} -h /srv/site && busybox wget -qO- http://${address}/`;
  expect(cambiumOk(['shell', 'site', 'sh', '-c', fetched], at).stdout).toMatch(/src="assets\/main-\w+\.js"/);

  const files = here.path('public');
  buildOk([...args, '--target', 'files', '--build-arg', 'TITLE=Years', '-o', files], at);
  expect(existsSync(`${files}/robots.txt`)).toBe(true);
  const script = readdirSync(`${files}/assets`).find((name) => name.endsWith('.js')) as string;
  expect(readFileSync(`${files}/assets/${script}`, 'utf8')).toContain('"Years"');
});

function example(name: string): string {
  return fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
}

function copyOf(name: string): string {
  const copy = here.path(name);
  cpSync(example(name), copy, { recursive: true });
  return copy;
}

function edit(path: string, from: string, to: string): void {
  const text = readFileSync(path, 'utf8');
  expect(text).toContain(from);
  writeFileSync(path, text.replace(from, to));
}

/** Titles of the steps that ran, in the order of the file. */
function titles({ events }: BuildRun): string[] {
  const ran = new Set(events.flatMap((event) => (event.type === 'step-done' ? [event.step] : [])));
  return events.flatMap((event) =>
    event.type === 'step-planned' && !event.internal && ran.has(event.step) ? [event.title] : [],
  );
}

function compilerCache({ events }: BuildRun): { hits: number; misses: number } {
  const output = events
    .flatMap((event: BuildEvent) => (event.type === 'step-output' ? [event.text] : []))
    .join('');
  const count = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(output)?.[1]);
  return { hits: count('Hits'), misses: count('Misses') };
}
