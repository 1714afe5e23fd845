/** Runs commands and tells what they cost: wall time, CPU time of all their processes, peak memory. */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { native } from '../src/kit/native.ts';
import type { Command, Sample, Work } from './types.ts';

const getrusage = native('int getrusage(int who, void *usage)');
const RUSAGE_CHILDREN = -1;

/** CPU time of all children that ended, with theirs, in milliseconds. */
function childrenCpuMs(): number {
  const usage = Buffer.alloc(144);
  getrusage(RUSAGE_CHILDREN, usage);
  const time = (at: number) =>
    Number(usage.readBigInt64LE(at)) * 1000 + Number(usage.readBigInt64LE(at + 8)) / 1000;
  return time(0) + time(16);
}

/** The environment of this process, less what would only slow down the start of Node. */
export function environment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _, ...own } = process.env;
  return { ...own, NO_COLOR: '1', ...extra };
}

/** What a command prints. Throws unless it succeeds. */
export function outputOf({ argv, env, cwd }: Command): string {
  const [program, ...args] = argv;
  return execFileSync(program as string, args, {
    env: environment(env),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    ...(cwd === undefined ? {} : { cwd }),
  });
}

const clock = new Int32Array(new SharedArrayBuffer(4));

/** Waits until daemons have used no CPU time to speak of for a moment; not for ever, as they may have work of their own. */
function untilQuiet(daemonCpuMs: () => number): void {
  for (let tries = 0; tries < 40; tries++) {
    const before = daemonCpuMs();
    Atomics.wait(clock, 0, 0, 50);
    if (daemonCpuMs() - before < 1) return;
  }
}

export interface Meter {
  /** Runs a command to its end; throws with its last output unless it succeeds. */
  run(command: Command): void;
  measure(work: Work, round: number, options: { memory: boolean; daemonCpuMs: () => number }): Sample;
}

/** `dir` takes the output of commands. */
export function openMeter(dir: string): Meter {
  const log = join(dir, 'output');
  const run = ({ argv, env, cwd }: Command) => {
    const fd = openSync(log, 'w');
    const [program, ...args] = argv;
    const { status, signal, error } = spawnSync(program as string, args, {
      env: environment(env),
      stdio: ['ignore', fd, fd],
      ...(cwd === undefined ? {} : { cwd }),
    });
    closeSync(fd);
    if (status === 0) return;
    const tail = readFileSync(log, 'utf8').slice(-3000);
    throw new Error(`${argv.join(' ')}: ${error?.message ?? signal ?? `exit ${status}`}\n${tail}`);
  };
  return {
    run,
    measure(work, round, { memory, daemonCpuMs }) {
      const commands = 'commands' in work ? work.commands(round) : [];
      const otherCpuMs = 'act' in work ? work.cpuMs : () => 0;
      // What earlier rounds left to write, and what daemons do after their answer, must not slow down this one.
      spawnSync('sync');
      untilQuiet(daemonCpuMs);
      const peakFile = join(dir, 'peak');
      let peakMiB = 0;
      const cpuBefore = childrenCpuMs() + daemonCpuMs() + otherCpuMs();
      const startedMs = performance.now();
      if ('act' in work) work.act(round);
      for (const command of commands) {
        if (!memory) {
          run(command);
          continue;
        }
        // Not by getrusage(): a child's peak there includes that of the process which it was forked from.
        run({ ...command, argv: ['/usr/bin/time', '-f', '%M', '-o', peakFile, ...command.argv] });
        peakMiB = Math.max(peakMiB, Number(readFileSync(peakFile, 'utf8').trim()) / 1024);
      }
      const wallMs = performance.now() - startedMs;
      const cpuMs = childrenCpuMs() + daemonCpuMs() + otherCpuMs() - cpuBefore;
      return { wallMs, cpuMs, ...(memory ? { peakMiB } : {}) };
    },
  };
}
