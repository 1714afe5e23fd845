/** Ctrl-C is heard in the middle of what one file, or one step, takes long for; nothing is left of that, and all goes on after it. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildOk, cambiumOk, readBuild, startCambium } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';

const place = scratch();
const at = { store: place.path('store'), cwd: place.path('ctx') };
const folders = 100;
const filesInEach = 120;

beforeAll(() => {
  for (let folder = 0; folder < folders; folder++) {
    const dir = place.path('ctx/many', `d${folder}`);
    mkdirSync(dir, { recursive: true });
    for (let file = 0; file < filesInEach; file++) writeFileSync(join(dir, `f${file}`), `${folder} ${file}`);
  }
  writeFileSync(place.path('ctx/Dockerfile'), 'FROM scratch\nCOPY many /many\n');
});
afterAll(() => place[Symbol.dispose]());

/** Starts a command, presses Ctrl-C once `isThere` says so, and gives how it ended. */
async function interrupt(args: readonly string[], isThere: (pid: number, output: () => string) => boolean) {
  const { child, ended } = startCambium(args, at);
  let output = '';
  child.stdout?.on('data', (data: Buffer) => (output += data.toString()));
  while (!isThere(child.pid as number, () => output) && child.exitCode === null) await sleep(1);
  child.kill('SIGINT');
  return ended;
}

/** Whether a process has a file open. */
function hasOpen(pid: number, path: string): boolean {
  return openFiles(pid).includes(path);
}

function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    // It has closed one meanwhile.
    return [];
  }
}

function runs(): string[] {
  const folder = join(at.store, 'run');
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Whether files lie in a workspace of some run. */
function isFilling(): boolean {
  const workspacesOf = (run: string) => {
    try {
      return readdirSync(join(at.store, 'run', run)).map((name) => join(at.store, 'run', run, name));
    } catch {
      // A lock, or a run that has ended meanwhile.
      return [];
    }
  };
  const places = runs()
    .flatMap(workspacesOf)
    .flatMap((dir) => [join(dir, 'fs/many/d1'), join(dir, 'fs/d1')]);
  return places.some((dir) => existsSync(dir));
}

test('while a file is read that has no end', async () => {
  mkdirSync(place.path('endless'));
  const file = place.path('endless/file');
  writeFileSync(file, '');
  truncateSync(file, 2 ** 42);
  writeFileSync(place.path('endless/Dockerfile'), 'FROM scratch\nCOPY file /\n');
  const { code } = await interrupt(['build', place.path('endless')], (pid) => hasOpen(pid, file));
  expect(code).toBe(130);
  expect(runs()).toEqual([]);
});

test('while a folder is copied; the next build makes it whole', async () => {
  const stopped = readBuild(await interrupt(['build', '--progress', 'json', '.'], isFilling));
  expect(stopped.code).toBe(130);
  expect(stopped.ran).toEqual([]);
  expect(stopped.events.map(({ type }) => type)).toContain('step-cancelled');
  expect(runs()).toEqual([]);
  expect(readdirSync(join(at.store, 'snapshots'))).toEqual([]);
  expect(buildOk(['-t', 'many', '.'], at).ran).toEqual(['stage-0']);
  const tar = place.path('many.tar');
  cambiumOk(['image', 'export', 'many', '-o', `type=tar,dest=${tar}`], at);
  expect(readFileSync(tar, 'latin1').split('ustar').length - 1).toBeGreaterThan(folders * filesInEach);
});

test('while files are brought in from a folder', async () => {
  const { code } = await interrupt(['image', 'import', place.path('ctx/many'), 'brought'], isFilling);
  expect(code).toBe(130);
  expect(runs()).toEqual([]);
});

test('while files are written to a folder: nothing of it stays', async () => {
  mkdirSync(place.path('outputs'));
  const written = () => readdirSync(place.path('outputs'));
  const args = ['image', 'export', 'many', '-o', `type=local,dest=${place.path('outputs/many')}`];
  const { code } = await interrupt(args, () => written().length > 0);
  expect(code).toBe(130);
  expect(written()).toEqual([]);
});

test('killed while an archive is written: what was there stays, and nothing beside it', async () => {
  const archive = place.path('archives/many.tar');
  mkdirSync(place.path('archives'));
  writeFileSync(archive, 'old');
  const { child, ended } = startCambium(['image', 'export', 'many', '-o', `type=tar,dest=${archive}`], at);
  const isWriting = () =>
    openFiles(child.pid as number).some((path) => path.startsWith(place.path('archives')));
  while (!isWriting() && child.exitCode === null) await sleep(1);
  child.kill('SIGKILL');
  await ended;
  expect(readdirSync(place.path('archives'))).toEqual(['many.tar']);
  // It may have been quicker than the kill.
  const whole = readFileSync(place.path('many.tar'), 'latin1');
  expect(['old', whole].includes(readFileSync(archive, 'latin1'))).toBe(true);
});
