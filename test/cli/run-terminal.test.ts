/** `cambium run -it` on a real terminal: one of tmux, which types and looks. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { boxImage } from '../support/box-image.ts';
import { program } from '../support/cli.ts';
import { leftovers } from '../support/leftovers.ts';
import { scratch } from '../support/scratch.ts';
import { processesWith } from '../workers/runtimes/support/rootfs.ts';

const place = scratch();
let at: { store: string };
beforeAll(() => {
  at = boxImage(place);
});
afterAll(() => {
  try {
    tmux('kill-server');
  } catch {
    // It ended with its last window.
  }
  place[Symbol.dispose]();
});

function tmux(...args: string[]): string {
  return execFileSync('tmux', ['-S', place.path('tmux'), '-f', '/dev/null', ...args], {
    encoding: 'utf8',
    env: { ...process.env, CAMBIUM_STORE: at.store, PS1: 'outside> ' },
  });
}

/** A shell in a terminal of 90 columns and 25 rows, which starts a command. */
async function open(name: string, command: string): Promise<void> {
  tmux('new-session', '-d', '-s', name, '-x', '90', '-y', '25', 'sh');
  await type(name, `'${process.execPath}' '${program}' run ${command}; echo code=$?`, 'Enter');
}

async function type(name: string, ...keys: string[]): Promise<void> {
  tmux('send-keys', '-t', name, ...keys);
}

async function shows(name: string, pattern: RegExp): Promise<void> {
  await expect.poll(() => tmux('capture-pane', '-p', '-t', name), { timeout: 20_000 }).toMatch(pattern);
}

test('size, its change, Ctrl-C, and job control are those of a terminal', async () => {
  await open('shell', `-it -e 'PS1=in> ' box sh`);
  await shows('shell', /^in>$/m);
  await type('shell', 'tty; stty size; test -t 0 && test -t 1 && echo all', 'Enter');
  await shows('shell', /^\/dev\/pts\/0\n25 90\nall$/m);
  tmux('resize-window', '-t', 'shell', '-x', '101', '-y', '31');
  await expect.poll(() => tmux('display', '-p', '-t', 'shell', '#{pane_width}').trim()).toBe('101');
  await type('shell', 'sleep 0.3; clear; stty size', 'Enter');
  await shows('shell', /^31 101$/m);
  await type('shell', 'sleep 77', 'Enter');
  await sleep(300);
  await type('shell', 'C-c');
  await type('shell', 'echo was=$?', 'Enter');
  await shows('shell', /^was=130$/m);
  await type('shell', 'sleep 78', 'Enter');
  await sleep(300);
  await type('shell', 'C-z');
  await shows('shell', /Stopped +sleep 78/);
  await type('shell', 'bg; jobs; fg', 'Enter');
  await shows('shell', /Running +sleep 78/);
  await type('shell', 'C-c');
  await type('shell', 'clear; exit 5', 'Enter');
  await shows('shell', /^code=5$/m);
  // The terminal outside is as it was: it shows what is typed, and lines end as they did.
  await type('shell', 'echo "as it was: $(stty -a | grep -ow -e "-*icanon" -e "-*echo" | xargs)"', 'Enter');
  await shows('shell', /^as it was: icanon echo$/m);
});

test('killed, it leaves the terminal to whoever has it, and no process', async () => {
  await open('killed', `-it -e 'PS1=in> ' -e MARK=terminal-7979 box sh`);
  await shows('killed', /^in>$/m);
  await type('killed', 'sleep 7979 & sleep 7979', 'Enter');
  await expect.poll(() => sleeps('7979').length).toBe(2);
  const [pid] = processesWith('MARK=terminal-7979').filter((each) => commandOf(each).includes(program));
  process.kill(pid as number, 'SIGTERM');
  await shows('killed', /^code=130$/m);
  await type('killed', 'echo "as it was: $(stty -a | grep -ow -e "-*icanon" -e "-*echo" | xargs)"', 'Enter');
  await shows('killed', /^as it was: icanon echo$/m);
  expect(leftovers(at.store)).toMatchObject({ runs: [], mounts: [] });
  expect(sleeps('7979')).toEqual([]);
});

test('-t without -i has keys too: Ctrl-C ends it', async () => {
  await open('keys', `-t box sleep 8080`);
  await expect.poll(() => sleeps('8080').length, { timeout: 20_000 }).toBe(1);
  await type('keys', 'C-c');
  await shows('keys', /code=130$/m);
});

test('a terminal that goes away takes all of it along', async () => {
  await open('gone', `-it -e MARK=terminal-8181 box sleep 8181`);
  await expect.poll(() => sleeps('8181').length, { timeout: 20_000 }).toBe(1);
  tmux('kill-session', '-t', 'gone');
  await expect.poll(() => processesWith('terminal-8181'), { timeout: 10_000 }).toEqual([]);
  expect(sleeps('8181')).toEqual([]);
  expect(leftovers(at.store)).toMatchObject({ processes: [], runs: [], mounts: [] });
});

function sleeps(duration: string): number[] {
  return processesWith(duration).filter((pid) => commandOf(pid) === `sleep\0${duration}\0`);
}

function commandOf(pid: number): string {
  return existsSync(`/proc/${pid}/cmdline`) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : '';
}
