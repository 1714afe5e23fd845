/** A web server for what cases fetch, git repositories included. */
import { execFileSync } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, posix } from 'node:path';
import { type Files, writeFiles } from './case.ts';

export interface WebServer extends AsyncDisposable {
  port: number;
}

const served: Files = {
  'plain.txt': 'fetched\n',
  'data/archive.tar': { tar: { 'inside/file': 'from a tar\n' } },
  'data/with space.txt': 'spaced\n',
};

/** Serves the files above below `dir`, and `repo.git`: two commits, a branch `old` on the first. */
export async function serveFiles(dir: string): Promise<WebServer> {
  mkdirSync(dir, { recursive: true });
  writeFiles(dir, served);
  makeRepository(dir);
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const path = join(dir, posix.normalize(decodeURIComponent(pathname)));
    if (!existsSync(path) || !statSync(path).isFile()) {
      response.writeHead(404).end('not here\n');
      return;
    }
    response.writeHead(200, { 'last-modified': 'Sat, 03 Feb 2001 04:05:06 GMT' });
    createReadStream(path).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function makeRepository(dir: string): void {
  const work = join(dir, 'work');
  const date = '2001-02-03T04:05:06Z';
  const env = {
    ...process.env,
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_DATE: date,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_SYSTEM: '/dev/null',
  };
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      cwd: work,
      env,
      stdio: 'pipe',
    });
  mkdirSync(work);
  git('init', '-q', '-b', 'main');
  writeFiles(work, { 'readme.txt': 'first\n', 'sub/tool.sh': { text: '#!/bin/sh\n', mode: 0o755 } });
  git('add', '.');
  git('commit', '-q', '-m', 'first');
  git('branch', 'old');
  writeFiles(work, { 'readme.txt': 'second\n' });
  git('commit', '-q', '-a', '-m', 'second');
  git('clone', '-q', '--bare', '.', join(dir, 'repo.git'));
  execFileSync('git', ['update-server-info'], { cwd: join(dir, 'repo.git'), env });
}
