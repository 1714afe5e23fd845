/** `cambium dev --run` and its screen: what runs on the newest image, and a person at a terminal. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { program, startCambium } from '../support/cli.ts';
import { leftovers } from '../support/leftovers.ts';
import { startDev } from './support/dev.ts';
import { fileOf, type Project, project } from './support/project.ts';

let shared: Project;
beforeAll(() => {
  shared = project();
});
afterAll(() => {
  try {
    tmux('kill-server');
  } catch {
    // It ended with its last window.
  }
  shared[Symbol.dispose]();
});

const server = 'CMD ["sh", "-c", "while :; do nc -l -p 80 -e cat text; done"]';
const dockerfile = (end: string) => `FROM base\nWORKDIR /app\nCOPY text .\n${end}\n`;

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  return port;
}

/** What the server says; undefined when nobody answers. */
async function ask(port: number): Promise<string | undefined> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  let text = '';
  socket.on('data', (data) => (text += data)).on('error', () => {});
  await new Promise((resolve) => socket.on('close', resolve));
  return text === '' ? undefined : text.trim();
}

test('a new run takes over when it listens or its check is good; else the one that is there goes on', async () => {
  const port = await freePort();
  shared.write({ text: 'one\n', Dockerfile: dockerfile(server) });
  await using dev = startDev(shared, '--run', '-p', `127.0.0.1:${port}:80`, '--health-timeout', '2s');
  const becomes = (state: string) => dev.next('service', (event) => event.state === state);
  await becomes('healthy');
  expect(await ask(port)).toBe('one');
  shared.write({ text: 'two\n' });
  await becomes('healthy');
  expect(await ask(port)).toBe('two');
  shared.write({ text: 'three\n', Dockerfile: dockerfile('CMD ["sh", "-c", "echo broken; exit 7"]') });
  expect((await becomes('kept')).message).toContain('7');
  expect(dev.all('service-output').map(({ text }) => text)).toContain('broken\n');
  await expect.poll(() => ask(port)).toBe('two');
  shared.write({ Dockerfile: dockerfile('CMD ["sleep", "100"]') });
  expect((await becomes('kept')).message).toContain('port 80');
  await expect.poll(() => ask(port)).toBe('two');
  shared.write({ Dockerfile: dockerfile(`HEALTHCHECK CMD test -e /ready\n${server}`) });
  expect((await becomes('kept')).message).toContain('health check');
  shared.write({ Dockerfile: dockerfile(`HEALTHCHECK CMD grep -q three text\n${server}`) });
  await becomes('healthy');
  expect(await ask(port)).toBe('three');
  shared.write({ Dockerfile: dockerfile('RUN exit 1') });
  await dev.next('step-failed');
  expect(await ask(port)).toBe('three');
  expect((await dev.end()).code).toBe(130);
  expect(await ask(port)).toBeUndefined();
  expect(leftovers(shared.at.store)).toMatchObject({ mounts: [], processes: [], runs: [] });
}, 60_000);

test('a port of the host that was chosen for -p is told, and leads to the run', async () => {
  shared.write({ text: 'chosen\n', Dockerfile: dockerfile(server) });
  const { child, ended } = startCambium(
    ['dev', '--run', '-p', '127.0.0.1::80', '--progress', 'plain'],
    shared.at,
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  child.stderr?.on('data', (data: Buffer) => (said += data.toString()));
  const chosen = /^127\.0\.0\.1:(\d+) leads to 80\/tcp$/m;
  await expect.poll(() => said, { timeout: 20_000 }).toMatch(chosen);
  const port = Number(chosen.exec(said)?.[1]);
  await expect.poll(() => ask(port), { timeout: 20_000 }).toBe('chosen');
  child.kill('SIGINT');
  expect((await ended).code).toBe(130);
}, 60_000);

function tmux(...args: string[]): string {
  return execFileSync('tmux', ['-S', shared.place.path('tmux'), '-f', '/dev/null', ...args], {
    encoding: 'utf8',
    env: { ...process.env, CAMBIUM_STORE: shared.at.store, TERM: 'xterm' },
  });
}

const screen = () => tmux('capture-pane', '-p', '-t', 'dev');
const shows = (pattern: RegExp) => expect.poll(screen, { timeout: 20_000 }).toMatch(pattern);
const type = (...keys: string[]) => tmux('send-keys', '-t', 'dev', ...keys);

test('the screen: edits, errors, keys, another size, a shell, and both ways to end', async () => {
  shared.write({ text: 'one\n', Dockerfile: dockerfile('RUN echo said; cat text >copy') });
  tmux(
    'new-session',
    '-d',
    '-s',
    'dev',
    '-x',
    '80',
    '-y',
    '24',
    '-c',
    shared.path(''),
    'env',
    '-u',
    'CI',
    'sh',
  );
  const command = `'${process.execPath}' '${program}' dev -t app; echo code=$?`;
  type(command, 'Enter');
  await shows(/built app.*\n +plan \d+ ms · keys/);
  await shows(/^waiting for edits · app · \w+\nr rebuild .* q quit$/m);
  shared.write({ text: 'two\n' });
  await shows(/\d\d:\d\d:\d\d text changed\n/);
  await shows(/cat text >copy · .*text changed/);
  await shows(/, warm: /);
  type('l');
  await shows(/stage-0 \| said/);
  type('s');
  await shows(/# *$/m);
  type('cat copy; exit', 'Enter');
  await shows(/^two$/m);
  await shows(/q quit$/m);
  type('r');
  await shows(/the image is the same/);
  type('v');
  await shows(/verified/);
  shared.write({ Dockerfile: dockerfile('RUN echo about to fail; exit 9') });
  await shows(/exit code 9|exited with 9/);
  await shows(/\| about to fail/);
  tmux('resize-window', '-t', 'dev', '-x', '50', '-y', '20');
  await sleep(300);
  expect(
    Math.max(
      ...screen()
        .split('\n')
        .map((line) => line.length),
    ),
  ).toBeLessThanOrEqual(50);
  await shows(/^r rebuild {2}c clean/m);
  shared.write({ Dockerfile: dockerfile('RUN cat text text >copy') });
  await shows(/cat text text(?:.|\n)*built app/);
  expect(fileOf(shared, 'app/copy')).toBe('two\ntwo\n');
  type('q');
  await shows(/^code=0$/m);
  type('clear', 'Enter');
  type(command, 'Enter');
  await shows(/waiting for edits/);
  type('C-c');
  await shows(/^code=130$/m);
  type('clear; stty -a | grep -o -e "-*icanon"', 'Enter');
  await shows(/^icanon$/m);
}, 60_000);
