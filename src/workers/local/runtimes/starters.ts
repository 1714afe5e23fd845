/**
 * Starters: the programs that stand between us and the runtime, up and waiting for the word which run they are for. It takes
 * some milliseconds until they are: so one is made while the run before it is still at work.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { outside } from '../../../kit/errors.ts';
import { findProgram } from './programs.ts';
import type { RunRequest } from './types.ts';

export interface Starter {
  child: ChildProcess;
  /** What the run gets for its streams. */
  stdio: RunRequest['stdio'];
  /** Resolves when all of the run's processes are gone and its output was read. Never rejects. */
  ended: Promise<{ exitCode: number }>;
  /** Has it run the shell script `start` of `folder`, which lies at or below the starter's own. */
  begin(folder: string): void;
}

/** Starters of one process; dispose of it at the end. */
export interface Starters extends Disposable {
  /** Sees to it that one is waiting, for a run whose output comes to us. */
  prepare(): void;
  /** The one that waits. */
  take(): Starter | undefined;
}

/**
 * A parent-death signal says nothing of a parent that died before the signal was set. So the shell, when all signals are set,
 * asks whether we are there (a socket on descriptor 3), and goes on only when we answer: with the folder of the run.
 */
const waitForWord = 'echo >&3 && read -r folder <&3 || exit 1\n. "./$folder/start"';

/**
 * Starts the programs up to the shell. They live in a PID namespace of their own, in which the container will be, so that all of it
 * dies with one process; that one dies with ours (parent-death signal). What is mounted later arrives there (propagation).
 * Throws a `UserError` where a program is missing.
 */
export function makeStarter(folder: string, stdio: RunRequest['stdio']): Starter {
  const child = spawn(
    required('setpriv'),
    [
      ...['--pdeathsig', 'KILL', required('unshare'), '--pid', '--fork', '--kill-child'],
      ...['--mount', '--propagation', 'slave', '--mount-proc', '/bin/sh', '-c', waitForWord],
    ],
    {
      cwd: folder,
      stdio: streams(stdio),
      // Of nobody's terminal: Ctrl-C reaches us alone, and we end the run in order. A terminal's size is told to those
      // of its session only.
      detached: stdio === 'pipe' || !stdio.terminal,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    },
  );
  const ended = new Promise<{ exitCode: number }>((resolve) => {
    child.once('error', () => resolve({ exitCode: 127 }));
    child.once('close', (code) => resolve({ exitCode: code ?? 137 }));
  });
  const socket = child.stdio[3] as Duplex | null | undefined;
  // The other end may be gone already: then the run ends, and its end says so.
  socket?.on('error', () => {});
  const asked = new Promise<void>((resolve) => socket?.once('data', () => resolve()));
  return {
    child,
    stdio,
    ended,
    begin(of) {
      const below = of === folder ? '.' : of.slice(folder.length + 1);
      void asked.then(() => socket?.write(`${below}\n`));
    },
  };
}

/** Standard error always comes to us: what the runtime itself says there is told in our words. */
function streams(stdio: RunRequest['stdio']): ('ignore' | 'inherit' | 'pipe')[] {
  if (stdio === 'pipe') return ['ignore', 'pipe', 'pipe', 'pipe'];
  return [stdio.input ? 'inherit' : 'ignore', 'inherit', 'pipe', 'pipe'];
}

function required(name: string): string {
  const path = findProgram(name);
  if (path !== undefined) return path;
  throw outside('missing-program', `The program ${name} is not installed.`, {
    hint: 'Install util-linux (Debian: `apt-get install util-linux`).',
  });
}

/** Starters for runs whose folders lie below `folder`. */
export function openStarters(folder: string): Starters {
  let waiting: Starter | undefined;
  const isUp = ({ child }: Starter) => child.exitCode === null && child.signalCode === null;
  return {
    prepare() {
      if (waiting === undefined || !isUp(waiting)) waiting = makeStarter(folder, 'pipe');
    },
    take() {
      const taken = waiting;
      waiting = undefined;
      return taken && isUp(taken) ? taken : undefined;
    },
    [Symbol.dispose]() {
      if (waiting === undefined) return;
      const { child } = waiting;
      waiting = undefined;
      child.kill('SIGKILL');
      // Neither it nor its pipes keep this process alive.
      child.unref();
      for (const stream of child.stdio) stream?.destroy();
    },
  };
}
