/** What is fetched: contexts and files by URL, and what becomes of the downloads. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliResult, cambiumOk, readBuild, startCambium } from '../support/cli.ts';
import { type Scratch, scratch } from '../support/scratch.ts';

let place: Scratch;
let server: Server;
let at: { store: string; cwd: string };
let url: string;
const asked: string[] = [];

beforeAll(async () => {
  place = scratch();
  mkdirSync(place.path('project/src'), { recursive: true });
  writeFileSync(place.path('project/Dockerfile'), 'FROM scratch\nCOPY src /app\n');
  writeFileSync(place.path('project/Other'), 'FROM scratch\nCOPY src /other\nCOPPY x\n');
  writeFileSync(place.path('project/src/f'), 'f\n');
  execFileSync('tar', ['-C', place.path('project'), '-czf', place.path('project.tar.gz'), '.']);
  at = { store: place.path('store'), cwd: place.dir };
  const files: Record<string, () => Buffer | string> = {
    '/project.tar.gz': () => readFileSync(place.path('project.tar.gz')),
    '/alone': () => 'FROM scratch\nCOPY <<E /made\nmade\nE\n',
    '/f': () => 'f\n',
    'http://host.invalid/proxied': () => 'p\n',
  };
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const file = files[request.url ?? ''];
    if (request.url === '/moved') response.writeHead(302, { location: '/f' }).end();
    else if (request.url === '/round') response.writeHead(302, { location: '/round' }).end();
    else if (file === undefined) response.writeHead(404).end();
    else if (request.headers['if-none-match'] === '"1"') response.writeHead(304).end();
    else response.writeHead(200, { etag: '"1"' }).end(file());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
  place[Symbol.dispose]();
});

/** The server is in this process: it must not wait for the program. */
function build(...args: string[]): Promise<CliResult> {
  return startCambium(['build', '--progress', 'json', ...args], at).ended;
}

function buildWith(env: Readonly<Record<string, string>>): Promise<CliResult> {
  return startCambium(['build', 'ctx'], { ...at, env }).ended;
}

function dockerfile(...lines: string[]): void {
  mkdirSync(place.path('ctx'), { recursive: true });
  writeFileSync(place.path('ctx/Dockerfile'), `${lines.join('\n')}\n`);
}

test('an archive by URL is a context, and a file by URL a Dockerfile', async () => {
  const first = await build(`${url}/project.tar.gz`, '-o', 'out');
  expect(first.code, first.stdout).toBe(0);
  expect(readFileSync(place.path('out/app/f'), 'utf8')).toBe('f\n');
  expect(readBuild(await build(`${url}/project.tar.gz`)).ran).toEqual([]);
  const alone = await build(`${url}/alone`, '-o', 'alone');
  expect(alone.code, alone.stdout).toBe(0);
  expect(readdirSync(place.path('alone'))).toEqual(['made']);
});

test('an error in a Dockerfile of an archive shows the line there', async () => {
  writeFileSync(place.path('Other'), 'FROM this-is\nANOTHER file\nof this machine\n');
  const run = await startCambium(['build', `${url}/project.tar.gz`, '-f', 'Other'], at).ended;
  expect(run.code).toBe(2);
  expect(run.stderr).toContain('3 | COPPY x');
});

test('a file with another checksum is refused, and nothing of it is kept', async () => {
  const wrong = '0'.repeat(64);
  dockerfile('FROM scratch', `ADD --checksum=sha256:${wrong} ${url}/f /f`);
  const run = await build('ctx');
  expect(run.code).toBe(2);
  expect(run.stdout).toContain(wrong);
  expect(run.stdout).toContain('"line":2');
  dockerfile('FROM scratch', `ADD ${url}/nothing /f`);
  const missing = await build('ctx');
  expect(missing.code).toBe(3);
  expect(missing.stdout).toContain('404');
});

test('downloads are asked for again only when they changed, and pruned when nobody used them', async () => {
  dockerfile('FROM scratch', `ADD ${url}/f /f`);
  expect((await build('ctx')).code).toBe(0);
  const downloads = place.path('store/downloads');
  const before = readdirSync(downloads).length;
  cambiumOk(['cache', 'prune'], at);
  expect(readdirSync(downloads)).toHaveLength(before);
  for (const name of readdirSync(downloads)) utimesSync(`${downloads}/${name}`, 1, 1);
  expect((await build('ctx')).code).toBe(0);
  cambiumOk(['cache', 'prune'], at);
  // What the last build used, and what is known of it.
  expect(readdirSync(downloads)).toHaveLength(2);
  expect(asked.filter((path) => path === '/f').length).toBeGreaterThan(2);
});

test('a server may send elsewhere, but not in a circle', async () => {
  dockerfile('FROM scratch', `ADD ${url}/moved /f`);
  expect((await build('ctx', '-o', 'moved')).code).toBe(0);
  expect(readFileSync(place.path('moved/f'), 'utf8')).toBe('f\n');
  dockerfile('FROM scratch', `ADD ${url}/round /f`);
  const round = await buildWith({});
  expect(round.code).toBe(3);
  expect(round.stderr).toContain('sends from one address to the next');
});

test('the proxy of the environment is asked, but for hosts that it leaves out', async () => {
  dockerfile('FROM scratch', 'ADD http://host.invalid/proxied /f');
  const away = await buildWith({ HTTP_PROXY: url, NO_PROXY: '.invalid' });
  expect(away.code).toBe(3);
  expect(away.stderr).toMatch(/--> ctx\/Dockerfile:2/);
  const proxied = await buildWith({ HTTP_PROXY: url, NO_PROXY: '' });
  expect(proxied.code, proxied.stderr).toBe(0);
  expect(asked).toContain('http://host.invalid/proxied');
});

test('a certificate of an authority that is named is trusted, and no other', async () => {
  const [key, cert] = [place.path('key.pem'), place.path('cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const flags = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...flags, ...subject, '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  });
  const secure = https.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) => {
    response.end('secure\n');
  });
  await new Promise<void>((resolve) => secure.listen(0, 'localhost', resolve));
  try {
    dockerfile('FROM scratch', `ADD https://localhost:${(secure.address() as AddressInfo).port}/s /s`);
    const unknown = await buildWith({});
    expect(unknown.code).toBe(3);
    expect(unknown.stderr).toContain('SSL_CERT_FILE');
    const trusted = await buildWith({ SSL_CERT_FILE: cert });
    expect(trusted.code, trusted.stderr).toBe(0);
  } finally {
    secure.close();
  }
});
