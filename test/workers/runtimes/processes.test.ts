/** Runs in a process of their own: killed with it, or on its terminal. What their cgroups leave, the sweeper removes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunRequest, removeCgroups } from '../../../src/workers/local/runtimes/index.ts';
import { makeCgroups } from '../../../src/workers/local/runtimes/own-cgroups.ts';
import { cgroupsOf, makeBox, newId, processesWith } from './support/rootfs.ts';

const box = makeBox();
afterAll(() => box[Symbol.dispose]());
const root = fileURLToPath(new URL('../../..', import.meta.url));
let runner: string;

beforeAll(async () => {
  // Inside the project, so that its packages are found.
  runner = `${mkdtempSync(`${root}/node_modules/.runner-`)}/runner.mjs`;
  await build({
    entryPoints: [`${root}/test/workers/runtimes/fixtures/runner.ts`],
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi'],
    outfile: runner,
    logLevel: 'error',
  });
});
afterAll(async () => {
  const { rm } = await import('node:fs/promises');
  await rm(runner.slice(0, runner.lastIndexOf('/')), { recursive: true, force: true });
});

/** Starts the run elsewhere, kills that process when `until` says so, and waits until all of it is gone. */
async function killDuring(
  request: RunRequest,
  until: (output: () => string) => Promise<void>,
): Promise<string> {
  const child = spawn(process.execPath, [runner, JSON.stringify(request)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const exited = once(child, 'exit');
  while (!output.includes('start\n')) await sleep(1);
  await until(() => output);
  child.kill('SIGKILL');
  await exited;
  return output;
}

async function expectGone(texts: readonly string[]): Promise<void> {
  const left = () => texts.flatMap(processesWith);
  for (let waited = 0; left().length > 0 && waited < 1500; waited++) await sleep(20);
  expect(left().map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))).toEqual([]);
}

test.each(['none', 'nat'] as const)(
  'SIGKILL leaves no process and no mount (network %s)',
  async (network) => {
    const request = box.request(['sh', '-c', 'sleep 7171 & setsid sleep 7171 & echo up; sleep 7171'], {
      network,
    });
    await killDuring(request, async (output) => {
      while (!output().includes('up\n')) await sleep(2);
    });
    await expectGone(['7171', request.id, request.dir]);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(request.dir);
    expect(cgroupsOf(request.id).length).toBeGreaterThan(0);
    expect(await removeCgroups(request.id)).toEqual([request.id]);
    expect(cgroupsOf(request.id)).toEqual([]);
  },
);

test('SIGKILL at any instant', async () => {
  for (let delayMs = 0; delayMs < 60; delayMs += 3) {
    const request = box.request(['sleep', '8181']);
    await killDuring(request, () => sleep(delayMs));
    await expectGone(['8181', request.id]);
    await removeCgroups(request.id);
    expect(cgroupsOf(request.id)).toEqual([]);
  }
});

test('nat, SIGKILL at any instant', async () => {
  for (let delayMs = 0; delayMs < 60; delayMs += 6) {
    const request = box.request(['sleep', '8282'], { network: 'nat' });
    await killDuring(request, () => sleep(delayMs));
    await expectGone(['8282', request.id, request.dir]);
    await removeCgroups(request.id);
  }
});

test('a command has the terminal', async () => {
  const request = box.request(['sh'], { stdio: { input: true, terminal: true }, env: { PS1: '' } });
  const command = `stty rows 33 cols 99; ${process.execPath} ${runner} '${JSON.stringify(request)}'`;
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: 'pipe' });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.includes('start') && !child.stdin.writableEnded)
      child.stdin.end('tty; stty size; echo $((40 + 2))\nexit 5\n');
  });
  await once(child, 'close');
  expect(output).toContain('/dev/pts/0');
  expect(output).toContain('33 99');
  expect(output).toContain('42');
  expect(output).toContain('"exitCode":5');
});

test('without a terminal: input and output pass through', async () => {
  const request = box.request(['sh', '-c', 'cat; tty; exit 6'], { stdio: { input: true, terminal: false } });
  const child = spawn(process.execPath, [runner, JSON.stringify(request)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stdin.end('some\ntext\n');
  await once(child, 'close');
  expect(output).toMatch(/^start\nsome\ntext\nnot a tty\n/);
  expect(output).toContain('"exitCode":6');
});

test('the sweeper kills what still runs in a cgroup', async () => {
  const id = newId();
  const folder = makeCgroups(id, {}).folders.at(-1);
  const child = spawn('sh', ['-c', `echo $$ > ${folder}/cgroup.procs && echo in && exec sleep 9191`]);
  await once(child.stdout, 'data');
  const exited = once(child, 'exit');
  expect(await removeCgroups(id.slice(0, 10))).toEqual([id]);
  expect((await exited)[1]).toBe('SIGKILL');
  expect(cgroupsOf(id)).toEqual([]);
});

test('removing what is not there is no error', async () => {
  expect(await removeCgroups(newId())).toEqual([]);
});
