/** One command in a resident (`resident.ts`), in all of its namespaces and cgroups, as `docker exec` has it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename } from 'node:path';
import { PassThrough } from 'node:stream';
import { outside } from '../../../kit/errors.ts';
import type { Signal } from '../../../kit/signal-names.ts';
import { descriptorPath, openDetached } from '../../../kit/system.ts';
import { newId } from '../../../store/runs.ts';
import { readUsage } from './cgroups.ts';
import { childrenOf } from './children.ts';
import { mayBeRuntimes, startFailure } from './failures.ts';
import { logFile, logTo, quoted } from './launch.ts';
import { type OutputReader, readOutput } from './output.ts';
import { findProgram } from './programs.ts';
import { endResident, makeExecFolder, type Resident, runtimeOf } from './resident.ts';
import { outcomeOf, outOfMemory } from './run.ts';
import { stopOn } from './stop.ts';
import type { RunRequest, RunResult } from './types.ts';

export interface ExecRequest extends Pick<RunRequest, 'argv' | 'stdio' | 'limits' | 'signal' | 'onOutput'> {
  /** Called once, when signals can be sent to the command. */
  onLaunch?: (send: (signal: Signal) => void) => void;
  /** It only looks in: given up, it ends alone. */
  isGuest?: boolean;
  /** Variables beside those that the resident was made with. */
  env: Readonly<Record<string, string>>;
  /** A folder for small files with secrets. */
  memory: string;
  timeoutMs?: number | undefined;
}

/** What processes that stay have written is cut off beyond this. */
const largestLogBytes = 16 * 1024 * 1024;
const lookEveryMs = 15;

/**
 * Runs a command and resolves when it has ended; what it leaves running goes on. A cancellation or time-out ends the whole
 * resident: what a killed command leaves behind is not to be trusted. Throws `live-ended` when somebody else ended it.
 */
export async function execIn(resident: Resident, request: ExecRequest): Promise<RunResult> {
  const startedMs = performance.now();
  const before = readUsage(resident.id);
  const folder = makeExecFolder(resident, 'exec');
  rmSync(logFile(folder), { force: true });
  const logs = request.stdio === 'pipe' ? openLogs(folder) : undefined;
  const process_ = processFile(resident, request);
  let child: ChildProcess;
  try {
    child = start(resident, folder, request, [process_, ...(logs?.fds ?? [])]);
  } finally {
    closeSync(process_);
  }
  const output = logs && request.onOutput && follow(logs, folder, request.onOutput);
  const send = (name: Signal) => {
    for (const pid of commandOf(child)) killIfThere(pid, name);
  };
  request.onLaunch?.(send);
  const stop = stopOn(request, async () => (request.isGuest ? send('SIGKILL') : endResident(resident)));
  const [code] = (await once(child, 'exit')) as [number | null];
  const exitCode = code ?? 137;
  await stop.over();
  const stopped = stop.why();
  const held = (await output?.end()) ?? '';
  const failure = exitCode === 0 || stopped ? undefined : startFailure(folder, request.argv, held);
  output?.reader.finish({ discardHeld: failure !== undefined });
  logs?.close();

  const after = readUsage(resident.id);
  const { oomKills: _, ...rest } = after;
  const cpuMs = after.cpuMs === undefined ? {} : { cpuMs: after.cpuMs - (before.cpuMs ?? 0) };
  const usage = { ...rest, ...cpuMs, wallMs: Math.round(performance.now() - startedMs) };
  if (stopped === 'timeout') return { outcome: 'timeout', timeoutMs: request.timeoutMs ?? 0, usage };
  if (stopped === 'cancelled') return { outcome: 'cancelled', usage };
  if (exitCode !== 0 && runtimeOf(resident) === undefined) throw liveEnded();
  if (failure?.kind === 'broken') throw failure.error;
  if (failure?.kind === 'not-found')
    return { outcome: 'not-found', message: failure.message, exitCode: failure.exitCode, usage };
  if (exitCode !== 0 && (after.oomKills > before.oomKills || failure?.kind === 'out-of-memory'))
    return { ...outOfMemory(request, after.peakMemoryBytes), usage };
  return { ...outcomeOf(exitCode), usage };
}

/** Below the program that enters the namespaces there is the runtime, and below that the command. */
function commandOf(child: ChildProcess): number[] {
  return childrenOf(child.pid ?? 0).flatMap(childrenOf);
}

function killIfThere(pid: number, name: Signal): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended just now.
  }
}

export function liveEnded(): Error {
  return outside('live-ended', 'The live builder was ended while a command ran in it.', {
    hint: 'The next rebuild starts another one from the last good result.',
  });
}

/** The process, as the runtime takes it: a file that has no name any more, for it may hold passwords. */
function processFile({ bundle }: Resident, { argv, env, stdio, memory }: ExecRequest): number {
  const config = JSON.parse(readFileSync(`${bundle}/config.json`, 'utf8')) as { process: { env: string[] } };
  const path = `${memory}/exec-${newId()}`;
  const terminal = stdio !== 'pipe' && stdio.terminal;
  const own = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const process_ = { ...config.process, args: argv, terminal, env: [...config.process.env, ...own] };
  writeFileSync(path, JSON.stringify(process_), { mode: 0o600 });
  const fd = openSync(path, 'r');
  rmSync(path);
  return fd;
}

/** `[process, stdout, stderr]`. */
function start(
  resident: Resident,
  folder: string,
  { stdio }: ExecRequest,
  [process_, ...logs]: readonly number[],
): ChildProcess {
  const target = runtimeOf(resident);
  if (target === undefined) throw liveEnded();
  const { cgroups, runtime, bundle, id } = resident;
  const words = [
    ...[findProgram('nsenter') ?? 'nsenter', '--target', String(target), '--pid', '--mount', '--', runtime],
    ...(cgroups === null ? [] : ['--cgroup-manager=disabled']),
    ...['--root', `${bundle}/state`, ...logTo(runtime, folder)],
    ...['exec', '--process', '/proc/self/fd/3', id],
  ];
  const script = [
    ...(cgroups?.folders ?? []).map((group) => `echo 0 >${quoted(`${group}/cgroup.procs`)} || exit 1`),
    'export _LIBCONTAINER_CLONED_BINARY=1',
    `exec ${words.map(quoted).join(' ')}`,
  ];
  const [stdout = 'inherit', stderr = 'inherit'] = logs;
  const input = stdio !== 'pipe' && stdio.input ? 'inherit' : 'ignore';
  return spawn('/bin/sh', ['-c', script.join('\n')], {
    stdio: [input, stdout, stderr, process_],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    detached: stdio === 'pipe' || !stdio.terminal,
  });
}

interface Logs {
  fds: readonly [number, number];
  /** Where the output of this command begins. */
  begins: readonly number[];
  names: readonly [string, string];
  close(): void;
}

/**
 * Output goes to files: a pipe would be held open by what the command leaves running, and would break under it when nobody
 * reads any more.
 */
function openLogs(folder: string): Logs {
  const names = [`${folder}/stdout.log`, `${folder}/stderr.log`] as const;
  // Who has a file open can see its name.
  const nowhere = openDetached(folder);
  const fds = names.map((name) => {
    const fd = openSync(`${descriptorPath(nowhere)}/${basename(name)}`, 'a', 0o600);
    if (fstatSync(fd).size > largestLogBytes) ftruncateSync(fd);
    return fd;
  }) as [number, number];
  closeSync(nowhere);
  const begins = fds.map((fd) => fstatSync(fd).size);
  const close = () => {
    for (const fd of fds) closeSync(fd);
  };
  return { fds, names, begins, close };
}

interface Following {
  reader: OutputReader;
  /** Reads what is left; gives what the runtime may have said itself. */
  end(): Promise<string>;
}

/** Hands on what is written to the logs from now on. */
function follow(
  { names, begins }: Logs,
  folder: string,
  onOutput: NonNullable<RunRequest['onOutput']>,
): Following {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const ends = [...begins];
  const inputs = names.map((name) => openSync(name, 'r'));
  const streams = [stdout, stderr];
  const buffer = Buffer.alloc(65_536);
  const look = () => {
    for (const [at, input] of inputs.entries()) {
      for (;;) {
        const length = readSync(input, buffer, 0, buffer.length, ends[at] as number);
        if (length === 0) break;
        ends[at] = (ends[at] as number) + length;
        streams[at]?.write(Buffer.from(buffer.subarray(0, length)));
      }
    }
  };
  const reader = readOutput({ stdout, stderr }, onOutput, (text) => mayBeRuntimes(folder, text));
  const timer = setInterval(look, lookEveryMs);
  return {
    reader,
    async end() {
      clearInterval(timer);
      look();
      for (const input of inputs) closeSync(input);
      await Promise.all(
        streams.map(async (stream) => {
          stream.end();
          if (!stream.readableEnded) await once(stream, 'end');
        }),
      );
      return reader.held();
    },
  };
}
