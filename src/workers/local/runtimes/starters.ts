/**
 * Starters: the programs that stand between us and the runtime, up and waiting for the word which run they are for. It takes
 * some milliseconds until they are: so one is made while the run before it is still at work.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Duplex } from 'node:stream';
import { outside } from '../../../kit/errors.ts';
import { bindMount } from '../../../kit/system.ts';
import { newId } from '../../../store/runs.ts';
import { removeCgroupFoldersNow } from './cgroups.ts';
import { makeUsualCgroups, type OwnCgroups } from './own-cgroups.ts';
import { findProgram } from './programs.ts';
import type { RunRequest } from './types.ts';

export interface Starter {
  child: ChildProcess;
  /** A mount that it hid from the run already. */
  hidden: string | undefined;
  /** Cgroups that it is in already, for its run to use and to remove. */
  entered: OwnCgroups | undefined;
  /** Resolves when all of the run's processes are gone and its output was read. Never rejects. */
  ended: Promise<{ exitCode: number }>;
  /** Has it run the shell script `start` of `folder`, which lies at or below the starter's own. */
  begin(folder: string): void;
  /** To a script that stops at `waitForSecondWord`. */
  goOn(): void;
  /** Ends one that got no word, with its cgroups. */
  drop(): void;
}

/** Starters of one process; dispose of it at the end. */
export interface Starters extends Disposable {
  /** Host path at which a runtime can be started, but not be written to. */
  sealed(runtime: string): string;
  /**
   * Sees to it that one is waiting, for a run whose output comes to us. Unless the runtime makes its own, it waits in cgroups: to
   * enter the first one after a while takes the kernel 10 to 25 ms, until all processors have seen that it happens.
   */
  prepare(options: { entersCgroups: boolean }): void;
  /** The one that waits: it is given its word, or dropped. */
  take(): Starter | undefined;
}

/**
 * A parent-death signal says nothing of a parent that died before the signal was set. So the shell, when all signals are set,
 * asks whether we are there (a socket on descriptor 3), and goes on only when we answer: with the folder of the run.
 */
const waitForWord = `if [ "$1" != "" ]; then exec 4<"$1" && umount -l "$1" || exit 1; fi
shift
for folder; do echo 0 >"$folder/cgroup.procs" || exit 1; done
echo >&3 && read -r folder <&3 || exit 1
. "./$folder/start"`;

/** For a script that a starter runs. */
export const waitForSecondWord = 'read -r word <&3 || exit 1';

/** Where the shell still reaches a folder below the mount `hidden`, which it has unmounted. */
export function reachedByShell(folder: string, hidden: string | undefined): string {
  return hidden !== undefined && folder.startsWith(`${hidden}/`)
    ? `/proc/self/fd/4${folder.slice(hidden.length)}`
    : folder;
}

/**
 * Starts the programs up to the shell. They live in a PID namespace of their own, in which the container will be, so that all of it
 * dies with one process; that one dies with ours (parent-death signal). What is mounted later arrives there (propagation).
 * `entered`: cgroups that it enters and waits in.
 * Throws a `UserError` where a program is missing.
 */
export function makeStarter(folder: string, stdio: RunRequest['stdio'], entered?: OwnCgroups): Starter {
  const [program, ...rest] = programs(entered?.hidden, entered?.folders) as [string, ...string[]];
  const place = { folder, hidden: entered?.hidden, entered };
  return starterOf(place, required('setpriv'), ['--pdeathsig', 'KILL', program, ...rest], {
    stdio: streams(stdio),
    // Of nobody's terminal: Ctrl-C reaches us alone, and we end the run in order. A terminal's size is told to those
    // of its session only.
    detached: stdio === 'pipe' || !stdio.terminal,
  });
}

/**
 * As `makeStarter`, of programs that outlive this process: only until they get the word do they end with it. They hold the
 * open file `held`, and the container's tree dies with the first of them.
 */
export function makeLastingStarter(folder: string, held: number, hidden?: string): Starter {
  const [program, ...rest] = programs(hidden) as [string, ...string[]];
  const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'ignore', held] as const;
  const place = { folder, hidden, entered: undefined };
  return starterOf(place, program, rest, { stdio: [...stdio], detached: true });
}

function programs(hidden: string | undefined, toEnter: readonly string[] = []): string[] {
  return [
    ...[
      required('unshare'),
      '--pid',
      '--fork',
      '--kill-child',
      '--mount',
      '--propagation',
      'slave',
      '--mount-proc',
    ],
    ...['/bin/sh', '-c', waitForWord, 'sh', hidden ?? ''],
    ...toEnter.map((each) => reachedByShell(each, hidden)),
  ];
}

function starterOf(
  { folder, hidden, entered }: { folder: string } & Pick<Starter, 'hidden' | 'entered'>,
  program: string,
  args: readonly string[],
  options: SpawnOptions,
): Starter {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
  const child = spawn(program, args, { cwd: folder, env, ...options });
  const ended = new Promise<{ exitCode: number }>((resolve) => {
    child.once('error', () => resolve({ exitCode: 127 }));
    child.once('close', (code) => resolve({ exitCode: code ?? 137 }));
  });
  const socket = child.stdio[3] as Duplex | null | undefined;
  // The other end may be gone already: then the run ends, and its end says so.
  socket?.on('error', () => {});
  const asked = new Promise<void>((resolve) => socket?.once('data', () => resolve()));
  return {
    ...{ child, hidden, entered, ended },
    begin(of) {
      const below = of === folder ? '.' : of.slice(folder.length + 1);
      void asked.then(() => socket?.write(`${below}\n`));
    },
    goOn() {
      void asked.then(() => socket?.write('\n'));
    },
    drop() {
      child.kill('SIGKILL');
      // Neither it nor its pipes keep this process alive.
      child.unref();
      for (const stream of child.stdio) stream?.destroy();
      if (entered !== undefined) removeCgroupFoldersNow(entered.folders);
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
  const seals = new Map<string, string>();
  const isUp = ({ child }: Starter) => child.exitCode === null && child.signalCode === null;
  return {
    sealed(runtime) {
      const found = seals.get(runtime);
      if (found !== undefined) return found;
      const at = `${folder}/${basename(runtime)}`;
      writeFileSync(at, '');
      bindMount(runtime, at, { readonly: true });
      seals.set(runtime, at);
      return at;
    },
    prepare({ entersCgroups }) {
      if (waiting !== undefined && isUp(waiting)) return;
      waiting?.drop();
      waiting = undefined;
      const entered = entersCgroups ? makeUsualCgroups(`${basename(folder)}-${newId()}`) : undefined;
      waiting = makeStarter(folder, 'pipe', entered);
    },
    take() {
      const taken = waiting;
      waiting = undefined;
      if (taken === undefined || isUp(taken)) return taken;
      taken.drop();
      return undefined;
    },
    [Symbol.dispose]() {
      waiting?.drop();
      waiting = undefined;
    },
  };
}
