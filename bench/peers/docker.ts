/** A Docker daemon of the benchmark's own: its BuildKit, reached by its `docker build`. */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { unmountBelow } from '../../src/kit/system.ts';
import { environment } from '../measure.ts';
import type { Command } from '../types.ts';

export interface Docker {
  name: string;
  /** `docker ARGS`. */
  command(...args: string[]): Command;
  /** `docker build -t TAG DIR`. */
  build(tag: string, dir: string, ...flags: string[]): Command;
  /** CPU time of the daemon and of all that it started, in milliseconds. */
  cpuMs(): number;
  stop(): Promise<void>;
}

export interface DockerOptions {
  /** Where its state lies; made. */
  dir: string;
  /** A folder with unpacked packages to run it from; without one, that of this machine. */
  prefix?: string;
  flags?: readonly string[];
  storage?: string;
  label?: string;
}

const startMs = 60_000;

/** Starts a daemon without network and waits until it answers. Throws when it doesn't. */
export async function startDocker({
  dir,
  prefix,
  flags = [],
  storage = 'overlay2',
  label,
}: DockerOptions): Promise<Docker> {
  for (const name of ['data', 'exec', 'config/cli-plugins']) mkdirSync(join(dir, name), { recursive: true });
  const plugin = join(prefix ?? '', '/usr/libexec/docker/cli-plugins/docker-buildx');
  if (existsSync(plugin)) symlinkSync(plugin, join(dir, 'config/cli-plugins/docker-buildx'));
  const host = `unix://${join(dir, 'socket')}`;
  const path = ['/usr/bin', '/usr/sbin'].map((folder) => join(prefix ?? '', folder));
  const env = {
    DOCKER_HOST: host,
    DOCKER_BUILDKIT: '1',
    DOCKER_CONFIG: join(dir, 'config'),
    PATH: [...path, process.env['PATH']].join(':'),
  };
  const docker = join(prefix ?? '', '/usr/bin/docker');
  const group = openGroup();
  const log = openSync(join(dir, 'log'), 'w');
  const daemonArgs = [
    ...[
      '--data-root',
      join(dir, 'data'),
      '--exec-root',
      join(dir, 'exec'),
      '-H',
      host,
      '-p',
      join(dir, 'pid'),
    ],
    ...['--iptables=false', '--bridge=none', '--exec-opt', 'native.cgroupdriver=cgroupfs'],
    ...['--storage-driver', storage, '--cgroup-parent', group.parent, ...flags],
  ];
  const script = 'echo $$ > "$0/cgroup.procs"; exec "$@"';
  const daemon = join(prefix ?? '', '/usr/sbin/dockerd');
  const child = spawn('sh', ['-c', script, group.folder, daemon, ...daemonArgs], {
    env: environment(env),
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const command = (...args: string[]): Command => ({ argv: [docker, ...args], env });
  const stop = async () => {
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await ended;
    clearTimeout(kill);
    unmountBelow(dir);
    group.remove();
  };
  for (const end = Date.now() + startMs; ; await sleep(100)) {
    try {
      const version = execFileSync(docker, ['version', '-f', '{{.Server.Version}}'], {
        env: environment(env),
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const name = label ?? `docker ${version.trim().replace(/^(\d+\.\d+).*$/, '$1')}`;
      return {
        name,
        command,
        build: (tag, dir, ...flags) => command('build', '--network', 'host', '-t', tag, ...flags, dir),
        cpuMs: group.cpuMs,
        stop,
      };
    } catch (error) {
      if (Date.now() < end && child.exitCode === null) continue;
      await stop();
      const text = readFileSync(join(dir, 'log'), 'utf8').slice(-2000);
      throw new Error(`dockerd didn't start:\n${text}`, { cause: error });
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
    remove() {
      try {
        rmdirSync(folder);
      } catch {
        // A process that ends late keeps it; it is empty and costs nothing.
      }
    },
  };
}
