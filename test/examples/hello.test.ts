/** The main example, from a Debian mirror to a running container; and others read of it what we wrote. Needs the mirror. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { buildOk, cambiumOk } from '../support/cli.ts';
import { startDockerd } from '../support/dockerd.ts';
import { scratch } from '../support/scratch.ts';
import { listTree } from '../support/tree.ts';

const here = scratch();
afterAll(() => here[Symbol.dispose]());

const at = { store: here.path('store') };
const source = here.path('hello');

/** Tests of one run: the first builds, the others read. */
test('builds, is done at once the second time, and tells what changed', { timeout: 600_000 }, () => {
  cpSync(fileURLToPath(new URL('../../examples/hello', import.meta.url)), source, { recursive: true });
  const first = buildOk([source, '-t', 'hello'], at);
  expect(first.ran).toEqual(['base', 'packages', 'users', 'web', 'harden', 'clean']);
  expect(buildOk([source, '-t', 'hello'], at).ran).toEqual([]);
  const stage = `${source}/stages/users/inside.sh`;
  writeFileSync(stage, `${readFileSync(stage, 'utf8')}\n# a line more\n`);
  expect(buildOk([source, '-t', 'hello'], at).ran).toEqual(['users', 'web', 'harden', 'clean']);
  expect(cambiumOk(['explain', 'users'], at).stdout).toContain('stages/users/inside.sh');
});

test('a Docker daemon loads and runs it, and has the same tree', { timeout: 600_000 }, async () => {
  const archive = here.path('hello.tar');
  const ours = here.path('ours');
  buildOk([source, '-t', 'hello', '-o', `type=docker,dest=${archive}`, '-o', `type=local,dest=${ours}`], at);
  await using daemon = await startDockerd();
  expect(daemon.docker('load', '-i', archive)).toContain('hello:latest');

  const port = await freePort();
  daemon.docker('run', '-d', '--name', 'web', '--network', 'host', '-e', `PORT=${port}`, 'hello:latest');
  expect(await fetchText(`http://127.0.0.1:${port}/`)).toMatch(/hello/i);
  daemon.docker('rm', '-f', 'web');

  daemon.docker('create', '--name', 'still', 'hello:latest');
  const theirs = here.path('theirs');
  mkdirSync(theirs);
  const exported = here.path('export.tar');
  daemon.docker('export', 'still', '-o', exported);
  // Docker's export leaves out most xattrs: they are compared below, with buildah.
  execFileSync('tar', ['-xpf', exported, '--numeric-owner', '-C', theirs]);
  const list = (root: string) =>
    listTree(root, { times: false, without: dockersOwn }).map((line) => line.replace(xattrs, ' '));
  expect(list(theirs)).toEqual(list(ours));
});

test('buildah reads it, and has the same tree with all attributes', { timeout: 300_000 }, () => {
  const root = [
    '--root',
    here.path('buildah'),
    '--runroot',
    here.path('buildah-run'),
    '--storage-driver',
    'vfs',
  ];
  const buildah = (...args: string[]) =>
    execFileSync('buildah', [...root, ...args], { encoding: 'utf8' }).trim();
  const container = buildah('from', `docker-archive:${here.path('hello.tar')}`);
  const mounted = buildah('mount', container);
  expect(listTree(mounted)).toEqual(listTree(here.path('ours')));
  buildah('umount', container);
  buildah('rm', container);
  rmSync(here.path('buildah'), { recursive: true, force: true });
});

/** Made by Docker in every container that it creates. */
const dockersOwn = [
  '.dockerenv',
  'dev',
  'proc',
  'sys',
  'etc/hosts',
  'etc/hostname',
  'etc/resolv.conf',
  'etc/mtab',
];
const xattrs = / (security|user|trusted|system)\.\S+ /;

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

async function fetchText(url: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await (await fetch(url)).text();
    } catch (error) {
      if (attempt > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
