/** Logins in URLs: servers get them, nobody else does. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCambium } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';

const place = scratch();
const at = { store: place.path('store'), cwd: place.dir };
const password = 'pass%20word-7';
let server: Server;
let host: string;
const sentOn: (string | undefined)[] = [];
/** Arguments of processes that ran while the server was asked, as everybody sees them. */
const commandLines = new Set<string>();

const git = (...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], { cwd: place.dir });

beforeAll(async () => {
  mkdirSync(place.path('www'));
  writeFileSync(place.path('www/f'), 'f\n');
  git('init', '-q', '-b', 'main', 'work');
  git('-C', 'work', 'commit', '-q', '--allow-empty', '-m', 'first');
  git('clone', '-q', '--bare', 'work', 'www/repo.git');
  git('-C', 'www/repo.git', 'update-server-info');
  const expected = `Basic ${Buffer.from('bob:pass word-7').toString('base64')}`;
  server = createServer(({ url = '', headers }, response) => {
    for (const line of seenArguments()) commandLines.add(line);
    const file = join(place.path('www'), new URL(url, 'http://x').pathname);
    if (url === '/open') {
      sentOn.push(headers.authorization);
      response.end('open\n');
    } else if (headers.authorization !== expected) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    } else if (url === '/elsewhere') {
      response.writeHead(302, { location: `http://${host.replace('127.0.0.1', 'localhost')}/open` }).end();
    } else if (existsSync(file)) response.end(readFileSync(file));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
  place[Symbol.dispose]();
});

function seenArguments(): string[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      return /^\d+$/.test(name) ? [readFileSync(`/proc/${name}/cmdline`, 'utf8')] : [];
    } catch {
      return [];
    }
  });
}

/** Runs a command that must show no password, and gives back all that it said. */
async function say(code: number, ...args: string[]): Promise<string> {
  const result = await startCambium(args, at).ended;
  const text = result.stdout + result.stderr;
  expect(result.code, text).toBe(code);
  expect(text).not.toContain('word-7');
  return text;
}

function dockerfile(line: string): void {
  mkdirSync(place.path('ctx'), { recursive: true });
  writeFileSync(place.path('ctx/Dockerfile'), `FROM scratch\n${line}\n`);
}

test('a file behind a login is fetched; its image, its messages and the store have no password', async () => {
  dockerfile(`ADD http://bob:${password}@${host}/f /f`);
  await say(0, 'build', 'ctx', '--progress', 'json', '-t', 'app', '-o', 'out');
  expect(readFileSync(place.path('out/f'), 'utf8')).toBe('f\n');
  await say(0, 'image', 'history', 'app');
  await say(0, 'image', 'export', 'app', '-o', 'type=oci,dest=layout/');
  expect(execFileSync('grep', ['-r', '***@127', 'layout'], { cwd: place.dir, encoding: 'utf8' })).toMatch(
    /ADD/,
  );
  await say(0, 'plan', 'ctx');
  dockerfile(`ADD http://bob:${password}@${host}/missing /f`);
  expect(await say(3, 'build', 'ctx')).toContain(`http://***@${host}/missing can't be fetched`);
  await say(3, 'build', 'ctx', '--progress', 'json');
  await say(3, 'build', `http://bob:${password}@${host}/missing.git`);
  expect(() => execFileSync('grep', ['-r', 'word-7', 'store', 'layout'], { cwd: place.dir })).toThrow();
});

test('another server is not given the login', async () => {
  dockerfile(`ADD http://bob:${password}@${host}/elsewhere /f`);
  await say(0, 'build', 'ctx');
  expect(sentOn).toEqual([undefined]);
});

test('a repository behind a login: no process has the password in its arguments, and the image has it nowhere', async () => {
  dockerfile(`ADD --keep-git-dir=true http://bob:${password}@${host}/repo.git /repo`);
  commandLines.clear();
  await say(0, 'build', 'ctx', '-o', 'cloned');
  const lines = [...commandLines];
  expect(lines.filter((line) => /remote-http/.test(line) && line.includes(host))).not.toEqual([]);
  expect(lines.filter((line) => line.includes(host) && line.includes('word-7'))).toEqual([]);
  expect(readFileSync(place.path('cloned/repo/.git/config'), 'utf8')).toContain(
    `url = http://${host}/repo.git`,
  );
});

test('a volume made from a repository shows where from, without the password', async () => {
  await say(0, 'volume', 'create', 'src', '--from', `git+http://bob:${password}@${host}/repo.git`);
  expect(await say(0, 'volume', 'ls')).toContain(`git http://***@${host}/repo.git`);
  await say(0, 'volume', 'inspect', 'src');
  expect(readFileSync(place.path('store/volumes/src/fs/.git/config'), 'utf8')).toContain('word-7');
});
