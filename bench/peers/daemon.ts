/** Daemons of the benchmark's own: each in a cgroup that counts what it costs, awaited, and ended with all that it mounted. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { unmountBelow } from '../../src/kit/system.ts';
import { hierarchies, removeCgroupFolders } from '../../src/workers/local/runtimes/cgroups.ts';
import { environment } from '../measure.ts';
import type { Command } from '../types.ts';

export interface Daemon {
  /** CPU time of it and of all that it started, in milliseconds. */
  cpuMs(): number;
  stop(): Promise<void>;
}

export interface DaemonOptions {
  /** Where its state lies: there already, and takes its log. */
  dir: string;
  /** What starts it; `cgroup` is the parent of those that it runs things in, named from the root of cgroups. */
  command(cgroup: string): Command;
  /** Asks it for something; throws as long as it doesn't answer. */
  ask(): void;
}

const startMs = 60_000;

/** Starts a daemon and waits until it answers. Throws when it doesn't. */
export async function startDaemon({ dir, command, ask }: DaemonOptions): Promise<Daemon> {
  const group = openGroup();
  const { argv, env } = command(group.parent);
  const log = openSync(join(dir, 'log'), 'w');
  const script = 'echo $$ > "$0/cgroup.procs"; exec "$@"';
  const child = spawn('sh', ['-c', script, group.folder, ...argv], {
    env: environment(env),
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async () => {
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await ended;
    clearTimeout(kill);
    unmountBelow(dir);
    await group.remove();
  };
  for (const end = Date.now() + startMs; ; await sleep(100)) {
    try {
      ask();
      return { cpuMs: group.cpuMs, stop };
    } catch (error) {
      if (Date.now() < end && child.exitCode === null) continue;
      await stop();
      const text = readFileSync(join(dir, 'log'), 'utf8').slice(-2000);
      throw new Error(`${argv[0]} didn't start:\n${text}`, { cause: error });
    }
  }
}

/** A cgroup that counts the CPU time of all processes in it and below. */
function openGroup() {
  const name = `cambium-bench-${process.pid}-${Math.random().toString(36).slice(2, 7)}`;
  const isUnified = existsSync('/sys/fs/cgroup/cgroup.controllers');
  const folder = join(isUnified ? '/sys/fs/cgroup' : '/sys/fs/cgroup/cpuacct', name);
  mkdirSync(folder);
  return {
    folder,
    // A unified group with processes of its own can't have children: containers go beside it, uncounted.
    parent: isUnified ? `/${name}-runs` : `/${name}`,
    cpuMs() {
      if (!isUnified) return Number(readFileSync(join(folder, 'cpuacct.usage'), 'utf8')) / 1e6;
      return Number(/usage_usec (\d+)/.exec(readFileSync(join(folder, 'cpu.stat'), 'utf8'))?.[1] ?? 0) / 1000;
    },
    /** With what its runs left in every hierarchy. */
    async remove() {
      const groups = [name, `${name}-runs`];
      try {
        await removeCgroupFolders(
          hierarchies().flatMap(({ mount }) => groups.map((group) => join(mount, group))),
        );
      } catch {
        // A process that doesn't end keeps it; the other daemons are to be stopped all the same.
      }
    },
  };
}
