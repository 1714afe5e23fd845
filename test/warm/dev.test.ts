/** `cambium dev`: edits become images, whatever way files are changed. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { cambium } from '../support/cli.ts';
import { leftovers } from '../support/leftovers.ts';
import { type Dev, startDev } from './support/dev.ts';
import { fileOf, makefile, type Project, project } from './support/project.ts';

let shared: Project;
beforeAll(() => {
  shared = project();
});
afterAll(() => shared[Symbol.dispose]());
beforeEach(() => {
  rmSync(shared.path(''), { recursive: true, force: true });
  shared.write({
    Dockerfile: 'FROM base\nWORKDIR /app\nCOPY . .\nRUN make\n',
    '.dockerignore': 'notes\n*.swp\n',
    Makefile: makefile,
    'src/a.c': 'first\n',
  });
});

/** Letter and parent, as proc(5) has them. */
function statusOf(pid: number): { letter: string; parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [letter = '', parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { letter, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** Who reaps a zombie is not our concern. */
function isGone(pid: number): boolean {
  return 'ZX'.includes(statusOf(pid)?.letter ?? 'X');
}

/** Processes that it started, and theirs. */
function descendantsOf(pid: number): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const children = all.map(Number).filter((child) => statusOf(child)?.parent === pid);
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

function interruptedBuilds(): number {
  const store = openStore(shared.at.store);
  const query = store.db.prepare("SELECT count(*) AS count FROM builds WHERE outcome = 'interrupted'");
  return (query.get() as { count: number }).count;
}

async function started(...args: string[]): Promise<Dev> {
  const dev = startDev(shared, ...args);
  await dev.next('rebuilt');
  return dev;
}

const isNew = ({ isNew }: { isNew: boolean }) => isNew;
const app = () => fileOf(shared, 'app/out/app');

test('an edit is an image, a burst of edits is one, and an ignored file is none', async () => {
  await using dev = await started();
  shared.write({ 'src/a.c': 'second\n' });
  const { phases, state, newBytes } = await dev.next('rebuilt', isNew);
  expect(state).toBe('warm');
  expect(newBytes).toBeGreaterThan(0);
  expect(Object.values(phases).every((ms) => ms >= 0)).toBe(true);
  expect(app()).toBe('second\n');
  const before = dev.all('build-started').length;
  for (let at = 0; at < 20; at++) shared.write({ [`src/b${at}.c`]: `${at}\n` });
  do await dev.next('rebuilt', isNew);
  while (app().split('\n').length < 22);
  // On a loaded machine the burst itself has pauses.
  expect(dev.all('build-started').length - before).toBeLessThan(10);
  // As editors save: a new file takes the name of the old one.
  writeFileSync(shared.path('src/.a.c.swp'), 'third\n');
  renameSync(shared.path('src/.a.c.swp'), shared.path('src/a.c'));
  await dev.next('rebuilt', isNew);
  expect(app()).toMatch(/^third$/m);
  const builds = dev.all('build-started').length;
  shared.write({ notes: 'of no interest\n' });
  await sleep(400);
  expect(dev.all('build-started')).toHaveLength(builds);
  shared.write({ '.dockerignore': 'notes\nsrc/b*\n' });
  await dev.next('rebuilt', isNew);
  expect(app()).toBe('third\n');
  expect((await dev.end()).code).toBe(130);
  expect(leftovers(shared.at.store)).toMatchObject({ mounts: [], processes: [], runs: [] });
}, 60_000);

test('work begins before the edits rest; what was in vain is neither told nor recorded', async () => {
  const before = interruptedBuilds();
  await using dev = await started();
  for (let at = 0; at < 8; at++) {
    shared.write({ 'src/a.c': `edit ${at}\n` });
    // Shorter than the time for which edits have to rest.
    await sleep(12);
  }
  await expect.poll(app, { timeout: 20_000 }).toBe('edit 7\n');
  await dev.next('rebuilt', isNew);
  expect((await dev.end()).code).toBe(130);
  const told = dev.all('build-done');
  expect(dev.all('build-started')).toHaveLength(told.length);
  const interrupted = told.filter(({ outcome }) => outcome === 'interrupted');
  expect(interruptedBuilds() - before).toBe(interrupted.length);
}, 60_000);

test('killed while it waits, it leaves no process, and the next command removes the rest', async () => {
  await using dev = await started();
  const below = () => descendantsOf(dev.pid);
  // What stands before the next command is ready.
  await expect.poll(below, { timeout: 10_000 }).not.toEqual([]);
  const waiting = below();
  process.kill(dev.pid, 'SIGKILL');
  await expect.poll(() => waiting.every(isGone), { timeout: 10_000 }).toBe(true);
  shared.write({ 'src/a.c': 'after\n' });
  expect(cambium(['rebuild', '.', '-t', 'app'], shared.at).code).toBe(0);
  expect(leftovers(shared.at.store)).toMatchObject({ mounts: [], processes: [], runs: [] });
}, 60_000);

test('new, deleted and moved folders, and a context that is another one', async () => {
  await using dev = await started();
  mkdirSync(shared.path('src/new/deep'), { recursive: true });
  for (let at = 0; at < 200; at++) writeFileSync(shared.path(`src/new/deep/f${at}.c`), `f${at}\n`);
  const lines = () => app().trim().split('\n').length;
  await dev.next('rebuilt', isNew);
  while (lines() !== 201) await dev.next('rebuilt', isNew);
  // What came into a folder after it was found is seen as well.
  writeFileSync(shared.path('src/new/deep/f7.c'), 'edited\n');
  await dev.next('rebuilt', isNew);
  expect(app()).toContain('edited\n');
  renameSync(shared.path('src/new'), shared.path('src/moved'));
  await dev.next('rebuilt', isNew);
  writeFileSync(shared.path('src/moved/deep/f7.c'), 'edited again\n');
  await dev.next('rebuilt', isNew);
  expect(app()).toContain('edited again\n');
  rmSync(shared.path('src/moved'), { recursive: true });
  await dev.next('rebuilt', isNew);
  while (lines() !== 1) await dev.next('rebuilt', isNew);
  expect((await dev.end('SIGTERM')).code).toBe(130);
}, 60_000);

test('when the queue of events overflows, nothing is lost', async () => {
  await using dev = await started();
  process.kill(dev.pid, 'SIGSTOP');
  const files = ['src/a.c', 'Makefile'].map((name) => shared.path(name));
  const length = Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'));
  for (let at = 0; at < length * 2; at++) utimesSync(files[at % 2] as string, at, at);
  shared.write({ 'src/late/deep/l.c': 'late\n' });
  process.kill(dev.pid, 'SIGCONT');
  await dev.next('rebuilt', isNew);
  expect(app()).toContain('late\n');
  shared.write({ 'src/late/deep/l.c': 'later\n' });
  await dev.next('rebuilt', isNew);
  expect(app()).toContain('later\n');
  await dev.end();
}, 60_000);

test('a newer edit ends a build; what failed stays pending; a build file that can not be read waits for its repair', async () => {
  shared.write({
    Dockerfile: 'FROM base\nCOPY . .\nRUN if [ -e slow ]; then sleep 60; fi; cat src/* >all\n',
  });
  await using dev = await started();
  shared.write({ slow: '' });
  await dev.next('step-started', ({ step }) => step !== '');
  await dev.next('step-done');
  await sleep(300);
  rmSync(shared.path('slow'));
  shared.write({ 'src/b.c': 'with it\n' });
  await dev.next('build-done', ({ outcome }) => outcome === 'interrupted');
  await dev.next('rebuilt', isNew);
  expect(fileOf(shared, 'all')).toBe('first\nwith it\n');
  shared.write({ Dockerfile: 'FROM base\nCOPY . .\nRUN exit 3\n' });
  await dev.next('step-failed');
  shared.write({ Dockerfile: 'NONSENSE\n' });
  await expect.poll(() => JSON.stringify(dev.events), { timeout: 10_000 }).toContain('{"type":"error"');
  expect(fileOf(shared, 'all')).toBe('first\nwith it\n');
  shared.write({ Dockerfile: 'FROM base\nCOPY . .\nRUN cat src/b.c >all\n' });
  await dev.next('rebuilt', isNew);
  expect(fileOf(shared, 'all')).toBe('with it\n');
  await dev.end();
}, 60_000);

test('idle, it verifies by itself, and tells of drift', async () => {
  shared.write({ Dockerfile: 'FROM base\nCOPY src src\nRUN cat src/* >all; [ -e old ] || cp src/a.c old\n' });
  await using dev = await started('--verify', 'idle', '--idle-after', '0.2s', '--idle-load', '100');
  shared.write({ 'src/a.c': 'second\n' });
  await dev.next('rebuilt', isNew);
  const { drifts } = await dev.next('compared', (event) => event.drifts.length > 0);
  expect(drifts.flatMap(({ paths }) => paths)).toEqual(['old']);
  await dev.next('rebuilt', ({ state }) => state === 'verified');
  expect(fileOf(shared, 'old')).toBe('second\n');
  await dev.end();
}, 60_000);

test('idle, it tries which steps may go on from their own results', async () => {
  shared.write({
    Dockerfile: 'FROM base\nCOPY src src\nRUN echo more >>/log\nRUN cat src/* >all\nRUN mkdir /made\n',
  });
  await using dev = await started();
  const found = () => dev.next('warning', ({ code }) => code === 'clean-only');
  const [first, second] = [await found(), await found()];
  expect([first.message, second.message]).toEqual([
    expect.stringMatching(/more >>\/log .*it changes \/log/),
    expect.stringMatching(/mkdir \/made .*it fails/),
  ]);
  expect(cambium(['plan', '.'], shared.at).stdout).toMatch(/clean-only/);
  // No image came of it.
  expect(dev.all('rebuilt').filter(isNew)).toHaveLength(1);
  shared.write({ 'src/a.c': 'second\n' });
  await dev.next('rebuilt', isNew);
  expect(fileOf(shared, 'log')).toBe('more\n');
  await dev.end();
}, 60_000);

test('a hook runs after each new image, and an output into the context makes no loop', async () => {
  await using dev = await started(
    '--exec',
    'echo "$CAMBIUM_IMAGE" >>"/dev/null"',
    '-o',
    'type=tar,dest=image.tar',
  );
  await dev.next('hook-done', ({ exitCode }) => exitCode === 0);
  shared.write({ 'src/a.c': 'second\n' });
  await dev.next('rebuilt', isNew);
  await dev.next('hook-done', ({ exitCode }) => exitCode === 0);
  const builds = dev.all('build-started').length;
  await sleep(400);
  expect(dev.all('build-started')).toHaveLength(builds);
  expect(execFileSync('tar', ['tf', shared.path('image.tar')], { encoding: 'utf8' })).toContain(
    'app/out/app',
  );
  await dev.end();
}, 60_000);

test('what can not be watched is refused', () => {
  const { at } = shared;
  expect(cambium(['dev', '-'], at)).toMatchObject({ code: 2, stderr: expect.stringContaining('watched') });
  expect(cambium(['dev', '.', '--', 'true'], at)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--run'),
  });
  expect(cambium(['dev', '--verify', 'soon'], at).code).toBe(2);
  expect(existsSync(`${at.store}/run`)).toBe(true);
});
