/** A Docker daemon of the benchmark's own: its BuildKit, reached by its `docker build`, or by `buildx` itself. */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { outputOf } from '../measure.ts';
import type { Builder, Command } from '../types.ts';
import { type Daemon, startDaemon } from './daemon.ts';

export interface Docker extends Builder, Daemon {
  /** `docker ARGS`. */
  command(...args: string[]): Command;
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

/** Starts a daemon without network and waits until it answers. Throws when it doesn't. */
export async function startDocker({
  dir,
  prefix,
  flags = [],
  storage = 'overlay2',
  label,
}: DockerOptions): Promise<Docker> {
  for (const name of ['data', 'exec', 'config/cli-plugins']) mkdirSync(join(dir, name), { recursive: true });
  if (existsSync(pluginIn(prefix)))
    symlinkSync(pluginIn(prefix), join(dir, 'config/cli-plugins/docker-buildx'));
  const host = `unix://${join(dir, 'socket')}`;
  const path = ['/usr/bin', '/usr/sbin'].map((folder) => join(prefix ?? '', folder));
  const env = {
    DOCKER_HOST: host,
    DOCKER_BUILDKIT: '1',
    DOCKER_CONFIG: join(dir, 'config'),
    PATH: [...path, process.env['PATH']].join(':'),
  };
  const command = (...args: string[]): Command => ({
    argv: [join(prefix ?? '', '/usr/bin/docker'), ...args],
    env,
  });
  const askVersion = () => outputOf(command('version', '-f', '{{.Server.Version}}'));
  const daemon = await startDaemon({
    dir,
    ask: askVersion,
    command: (cgroup) => ({
      argv: [
        join(prefix ?? '', '/usr/sbin/dockerd'),
        ...['--data-root', join(dir, 'data'), '--exec-root', join(dir, 'exec')],
        ...['-H', host, '-p', join(dir, 'pid')],
        ...['--iptables=false', '--bridge=none', '--exec-opt', 'native.cgroupdriver=cgroupfs'],
        ...['--storage-driver', storage, '--cgroup-parent', cgroup, ...flags],
      ],
      env,
    }),
  });
  return {
    ...daemon,
    name: label ?? `docker ${shortened(askVersion())}`,
    command,
    build: (tag, dir, ...flags) => command('build', '--network', 'host', '-t', tag, ...flags, dir),
    forget: (tag) => [
      // An image that isn't there is an error to some versions.
      { argv: ['sh', '-c', '"$@" || true', 'sh', ...command('rmi', '-f', tag).argv], env },
      command('builder', 'prune', '-af'),
    ],
  };
}

/** The client of BuildKit which `docker build` calls, called without it; `prefix` is where the daemon runs from. */
export function buildxOf(docker: Docker, prefix: string): Builder {
  const { env = {} } = docker.command();
  const buildx = (...args: string[]): Command => ({ argv: [pluginIn(prefix), ...args], env });
  return {
    name: `buildx ${shortened(outputOf(buildx('version')))}`,
    build: (tag, dir) => buildx('build', '--network', 'host', '-t', tag, dir),
    forget: docker.forget,
  };
}

function pluginIn(prefix = ''): string {
  return join(prefix, '/usr/libexec/docker/cli-plugins/docker-buildx');
}

/** The first two numbers of a version, within any text. */
function shortened(text: string): string {
  return /\d+\.\d+/.exec(text)?.[0] ?? text.trim();
}
