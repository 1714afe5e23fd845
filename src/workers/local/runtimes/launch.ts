/**
 * Starts the runtime's process and ends it. The runtime lives in a PID namespace of its own with the container
 * inside, so that all of it dies with one process; that one dies with ours (parent-death signal).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { outside } from '../../../kit/errors.ts';
import type { OwnCgroups } from './own-cgroups.ts';
import { findProgram } from './programs.ts';
import type { RunRequest } from './types.ts';

export interface Launch {
  runtime: string;
  /** Folder with config.json; the runtime's state and log go there too. */
  bundle: string;
  id: string;
  stdio: RunRequest['stdio'];
  /** The container's first process is an init. */
  hasInit: boolean;
  /** Cgroups to enter; the runtime makes its own where there are none. */
  cgroups?: OwnCgroups;
}

export interface Launched {
  child: ChildProcess;
  /** Resolves when all of the run's processes are gone and its output was read. Never rejects. */
  ended: Promise<{ exitCode: number }>;
  /** Sends a signal to the command: at once when it runs, else as soon as it does. */
  send(signal: NodeJS.Signals): void;
  /** Ends every process of the run at once, and waits until they are gone. */
  kill(): Promise<void>;
}

export function logFile(bundle: string): string {
  return `${bundle}/runtime.log`;
}

/** Where the runtime keeps what it knows of a container. */
export function stateOf(bundle: string, id: string): string {
  return `${bundle}/state/${id}`;
}

/**
 * A parent-death signal says nothing of a parent that died before the signal was set. So the last program before
 * the runtime, when all signals are set, asks whether we are there (a socket on descriptor 3), and goes on only
 * when we answer. Then it enters the cgroups that are named before `--`, which `0` in their list means.
 */
const waitForWord = `echo >&3 && read -r word <&3 || exit 1
while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs" && shift || exit 1; done
[ "$2" = "" ] || umount "$2" || exit 1
shift 2
exec "$@" 3>&-`;

function giveWord(child: ChildProcess): void {
  const socket = child.stdio[3] as Duplex | null | undefined;
  // The other end may be gone already: then the run ends, and its end says so.
  socket?.on('error', () => {});
  socket?.once('data', () => socket.write('go\n'));
}

/** Starts the runtime on a bundle. Throws a `UserError` where a program is missing. */
export function launch({ runtime, bundle, id, stdio, hasInit, cgroups }: Launch): Launched {
  const runtimeArgs = [
    ...(cgroups === undefined ? [] : ['--cgroup-manager=disabled']),
    ...['--root', `${bundle}/state`, '--log', logFile(bundle), '--log-format', 'json'],
    'run',
    // Kept, so that a cgroup of its own can be read after the end.
    ...(cgroups === undefined ? ['--keep'] : []),
    ...['--pid-file', pidFile(bundle), '--bundle', bundle, id],
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
      ...['/bin/sh', '-c', waitForWord, 'sh', ...(cgroups?.folders ?? []), '--', cgroups?.hidden ?? ''],
      ...[runtime, ...runtimeArgs],
    ],
    {
      stdio: streams(stdio),
      // Of nobody's terminal: Ctrl-C reaches us alone, and we end the run in order. A terminal's size is told to those
      // of its session only.
      detached: stdio === 'pipe' || !stdio.terminal,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    },
  );
  giveWord(child);
  const ended = new Promise<{ exitCode: number }>((resolve) => {
    child.once('error', () => resolve({ exitCode: 127 }));
    child.once('close', (code) => resolve({ exitCode: code ?? 137 }));
  });
  let sent = Promise.resolve();
  const send = (name: NodeJS.Signals) => {
    sent = sent.then(() => sendToRuntime(child, { bundle, hasInit }, name));
  };
  return { child, ended, send, kill: () => killTree(child) };
}

/** Standard error always comes to us: what the runtime itself says there is told in our words. */
function streams(stdio: Launch['stdio']): ('ignore' | 'inherit' | 'pipe')[] {
  if (stdio === 'pipe') return ['ignore', 'pipe', 'pipe', 'pipe'];
  return [stdio.input ? 'inherit' : 'ignore', 'inherit', 'pipe', 'pipe'];
}

/** The runtime writes it when it has started the command, and from then on passes on the signals that it gets. */
function pidFile(bundle: string): string {
  return `${bundle}/pid`;
}

async function sendToRuntime(
  child: ChildProcess,
  { bundle, hasInit }: Pick<Launch, 'bundle' | 'hasInit'>,
  name: NodeJS.Signals,
): Promise<void> {
  const pid = child.pid ?? 0;
  // The first process of a namespace loses signals until it is ready for them: as an init is when it has a child.
  const isReady = () =>
    existsSync(pidFile(bundle)) &&
    (!hasInit || childrenOf(pid).flatMap(childrenOf).flatMap(childrenOf).length > 0);
  while (!isReady()) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    await sleep(2);
  }
  for (const runtime of childrenOf(pid)) signal(runtime, name);
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
  while (!'TZX-'.includes(processState(pid)) && Date.now() < deadline) await sleep(1);
  const below = childrenOf(pid);
  for (const each of below) signal(each, 'SIGKILL');
  child.kill('SIGKILL');
  for (const each of below) {
    // A zombie's namespace is already empty; who reaps it is not our concern.
    while (!'ZX-'.includes(processState(each)) && Date.now() < deadline) await sleep(1);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // already gone
  }
}

/** One letter, as proc(5) has it; `-` when the process is gone. */
function processState(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.charAt(text.lastIndexOf(')') + 2);
  } catch {
    return '-';
  }
}

/** A process is the child of the thread that made it. */
function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}
