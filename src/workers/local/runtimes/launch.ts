/** Starts the runtime's process, by a starter (`starters.ts`), and ends it. */
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Signal } from '../../../kit/signal-names.ts';
import { childrenOf } from './children.ts';
import { insideOf } from './inside.ts';
import type { OwnCgroups } from './own-cgroups.ts';
import { isCrun } from './programs.ts';
import { makeStarter, reachedByShell, type Starter, waitForSecondWord } from './starters.ts';
import type { Inside, RunRequest } from './types.ts';

export interface Launch {
  runtime: string;
  /** Folder with config.json; the runtime's state and log go there too. */
  bundle: string;
  id: string;
  stdio: RunRequest['stdio'];
  /** The container's first process is an init. */
  hasInit: boolean;
  /** Cgroups to enter; the runtime makes its own where there are none. */
  cgroups?: OwnCgroups | undefined;
  /** One that waits already, in a folder above the bundle. */
  starter?: Starter | undefined;
  /** The runtime isn't started before `goOn`. */
  waits?: boolean;
}

export interface Launched {
  child: ChildProcess;
  /** Resolves when all of the run's processes are gone and its output was read. Never rejects. */
  ended: Promise<{ exitCode: number }>;
  /** Of a launch that waits. */
  goOn(): void;
  /** Sends a signal to the command: at once when it runs, else as soon as it does. */
  send(signal: Signal): void;
  /** Ends every process of the run at once, and waits until they are gone. */
  kill(): Promise<void>;
  inside: Inside;
}

export function logFile(bundle: string): string {
  return `${bundle}/runtime.log`;
}

/** Flags that have the runtime log into its bundle. Of a path that holds a colon, crun takes what is before it for a kind of log. */
export function logTo(runtime: string, bundle: string): string[] {
  const kind = isCrun(runtime) ? 'file:' : '';
  return ['--log', `${kind}${logFile(bundle)}`, '--log-format', 'json'];
}

/** Where the runtime keeps what it knows of a container. */
export function stateOf(bundle: string, id: string): string {
  return `${bundle}/state/${id}`;
}

/** Has a starter run the runtime on a bundle. */
export function beginWith(
  { begin, hidden, entered }: Starter,
  {
    runtime,
    bundle,
    id,
    cgroups,
    waits = false,
  }: Pick<Launch, 'runtime' | 'bundle' | 'id' | 'cgroups' | 'waits'>,
): void {
  const args = [
    ...(cgroups === undefined ? [] : ['--cgroup-manager=disabled']),
    ...['--root', `${bundle}/state`, ...logTo(runtime, bundle)],
    'run',
    // Kept, so that a cgroup of its own can be read after the end.
    ...(cgroups === undefined ? ['--keep'] : []),
    ...['--pid-file', pidFile(bundle), '--bundle', bundle, id],
  ];
  writeFileSync(`${bundle}/start`, startScript([runtime, ...args], { cgroups, hidden, entered, waits }));
  begin(bundle);
}

/** Starts the runtime on a bundle. Throws a `UserError` where a program is missing. */
export function launch(wanted: Launch): Launched {
  const { runtime, bundle, id, stdio, hasInit, cgroups, starter, waits } = wanted;
  const taken = starter ?? makeStarter(bundle, stdio);
  const { child, ended, goOn } = taken;
  beginWith(taken, { runtime, bundle, id, cgroups, waits: waits ?? false });
  let sent = Promise.resolve();
  const send = (name: Signal) => {
    sent = sent.then(() => sendToRuntime(child, { bundle, hasInit }, name));
  };
  const inside = insideOf({ runtime, bundle, id, ownCgroups: cgroups !== undefined }, () =>
    childrenOf(child.pid ?? 0),
  );
  return { child, ended, goOn, send, kill: () => killTree(child), inside };
}

/**
 * What the starter's shell does: it enters the cgroups (`0` in their lists means itself), and becomes the runtime. `hidden` and
 * `entered`: what it did already.
 */
function startScript(
  command: readonly string[],
  {
    cgroups,
    hidden,
    entered,
    waits,
  }: Pick<Launch, 'cgroups'> & Pick<Starter, 'hidden' | 'entered'> & { waits: boolean },
): string {
  const toEnter = (cgroups?.folders ?? []).filter((folder) => !entered?.folders.includes(folder));
  const toHide = cgroups?.hidden === hidden ? undefined : cgroups?.hidden;
  const lines = [
    ...toEnter.map(
      (folder) => `echo 0 >${quoted(`${reachedByShell(folder, hidden)}/cgroup.procs`)} || exit 1`,
    ),
    ...(toHide === undefined ? [] : [`umount ${quoted(toHide)} || exit 1`]),
    // To enter a cgroup takes the kernel some milliseconds: that is over by then.
    ...(waits ? [waitForSecondWord] : []),
    // What crun asks for when it lies on a read-only mount: else it makes one of its own first, and starts again from there.
    'export _LIBCONTAINER_CLONED_BINARY=1',
    `exec ${command.map(quoted).join(' ')} 3>&- 4<&-`,
  ];
  return `${lines.join('\n')}\n`;
}

/** A word of a shell script, whatever is in it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The runtime writes it when it has started the command, and from then on passes on the signals that it gets. */
export function pidFile(bundle: string): string {
  return `${bundle}/pid`;
}

async function sendToRuntime(
  child: ChildProcess,
  { bundle, hasInit }: Pick<Launch, 'bundle' | 'hasInit'>,
  name: Signal,
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

const patienceMs = 10_000;

/**
 * Kills the process and the one below it, in an order that leaves no gap: stopped, the first can't fork any more; its
 * child, the namespace's first process, then takes all others with it.
 */
async function killTree(child: ChildProcess): Promise<void> {
  const pid = child.pid;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  await killPair(pid);
}

/** The same by the number of a process that is there. */
export async function killPair(pid: number): Promise<void> {
  signal(pid, 'SIGSTOP');
  const deadline = Date.now() + patienceMs;
  while (!'TZX-'.includes(processState(pid)) && Date.now() < deadline) await sleep(1);
  const below = childrenOf(pid);
  for (const each of below) signal(each, 'SIGKILL');
  signal(pid, 'SIGKILL');
  for (const each of below) {
    // A zombie's namespace is already empty; who reaps it is not our concern.
    while (!'ZX-'.includes(processState(each)) && Date.now() < deadline) await sleep(1);
  }
}

function signal(pid: number, name: Signal): void {
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
