/**
 * Starts the runtime's process and ends it. The runtime lives in a PID namespace of its own with the container
 * inside, so that all of it dies with one process; that one dies with ours (parent-death signal).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { outside } from '../../../kit/errors.ts';
import { findProgram } from './programs.ts';

export interface Launch {
  runtime: string;
  /** Folder with config.json; the runtime's state and log go there too. */
  bundle: string;
  id: string;
  stdio: 'pipe' | 'inherit';
}

export interface Launched {
  child: ChildProcess;
  /** Resolves when all of the run's processes are gone and its output was read. Never rejects. */
  ended: Promise<{ exitCode: number }>;
  /** Ends every process of the run at once, and waits until they are gone. */
  kill(): Promise<void>;
}

export function logFile(bundle: string): string {
  return `${bundle}/runtime.log`;
}

/**
 * A parent-death signal says nothing of a parent that died before the signal was set. So the last program before
 * the runtime, when all signals are set, asks whether we are there (a socket on descriptor 3), and goes on only
 * when we answer.
 */
const waitForWord = 'echo >&3 && read -r word <&3 && exec "$@" 3>&-';

function giveWord(child: ChildProcess): void {
  const socket = child.stdio[3] as Duplex | null | undefined;
  // The other end may be gone already: then the run ends, and its end says so.
  socket?.on('error', () => {});
  socket?.once('data', () => socket.write('go\n'));
}

/** Starts the runtime on a bundle. Throws a `UserError` where a program is missing. */
export function launch({ runtime, bundle, id, stdio }: Launch): Launched {
  const runtimeArgs = [
    ...['--root', `${bundle}/state`, '--log', logFile(bundle), '--log-format', 'json'],
    // Kept, so that its cgroup can be read after the end.
    ...['run', '--keep', '--bundle', bundle, id],
  ];
  const child = spawn(
    required('setpriv'),
    [
      ...[
        '--pdeathsig',
        'KILL',
        required('unshare'),
        '--pid',
        '--fork',
        '--kill-child',
        '--mount',
        '--mount-proc',
      ],
      ...['/bin/sh', '-c', waitForWord, 'sh', runtime, ...runtimeArgs],
    ],
    {
      stdio:
        stdio === 'pipe' ? ['ignore', 'pipe', 'pipe', 'pipe'] : ['inherit', 'inherit', 'inherit', 'pipe'],
      // Of nobody's terminal: Ctrl-C reaches us alone, and we end the run in order.
      detached: stdio === 'pipe',
      env: {},
    },
  );
  giveWord(child);
  const ended = new Promise<{ exitCode: number }>((resolve) => {
    child.once('error', () => resolve({ exitCode: 127 }));
    child.once('close', (code) => resolve({ exitCode: code ?? 137 }));
  });
  return { child, ended, kill: () => killTree(child) };
}

function required(name: string): string {
  const path = findProgram(name);
  if (path !== undefined) return path;
  throw outside('missing-program', `The program ${name} is not installed.`, {
    hint: 'Install util-linux (Debian: `apt-get install util-linux`).',
  });
}

const patienceMs = 10_000;

/**
 * Kills the process and the one below it, in an order that leaves no gap: stopped, the first can't fork any more; its
 * child, the namespace's first process, then takes all others with it.
 */
async function killTree(child: ChildProcess): Promise<void> {
  const pid = child.pid;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGSTOP');
  const deadline = Date.now() + patienceMs;
  while (!'TZX-'.includes(stateOf(pid)) && Date.now() < deadline) await sleep(1);
  const below = childrenOf(pid);
  for (const each of below) signal(each);
  child.kill('SIGKILL');
  for (const each of below) {
    // A zombie's namespace is already empty; who reaps it is not our concern.
    while (!'ZX-'.includes(stateOf(each)) && Date.now() < deadline) await sleep(1);
  }
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // already gone
  }
}

/** One letter, as proc(5) has it; `-` when the process is gone. */
function stateOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.charAt(text.lastIndexOf(')') + 2);
  } catch {
    return '-';
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
