/** A Docker daemon of a test's own, with all of its state in one folder. */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { unmountBelow } from '../../src/kit/system.ts';
import type { Certificate } from './certificates.ts';
import { scratch } from './scratch.ts';

export interface Dockerd extends AsyncDisposable {
  /** For DOCKER_HOST. */
  host: string;
  /** Runs `docker ARGS` against it and gives back what it wrote. */
  docker(...args: string[]): string;
}

const startMs = 60_000;

/** Where it listens besides, for clients with a certificate of the authority alone. */
export interface DockerdTls extends Certificate {
  port: number;
  /** File with the authority's certificate. */
  authority: string;
}

/** Starts a daemon and waits until it answers. */
export async function startDockerd(
  storage: 'vfs' | 'overlay2' = 'overlay2',
  tls?: DockerdTls,
): Promise<Dockerd> {
  const place = scratch();
  for (const name of ['data', 'exec']) mkdirSync(place.path(name));
  const host = `unix://${place.path('socket')}`;
  const log = openSync(place.path('log'), 'w');
  const flags = [
    '--data-root',
    place.path('data'),
    '--exec-root',
    place.path('exec'),
    '-H',
    host,
    '-p',
    place.path('pid'),
  ];
  if (tls !== undefined) {
    flags.push('-H', `tcp://127.0.0.1:${tls.port}`, '--tlsverify', '--tlscacert', tls.authority);
    flags.push('--tlscert', tls.certificate, '--tlskey', tls.key);
  }
  const isolation = [
    '--iptables=false',
    '--bridge=none',
    '--exec-opt',
    'native.cgroupdriver=cgroupfs',
    '--storage-driver',
    storage,
  ];
  const child = spawn('dockerd', [...flags, ...isolation], { stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const docker = (...args: string[]) =>
    execFileSync('docker', args, {
      encoding: 'utf8',
      env: { ...process.env, DOCKER_HOST: host },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const stop = async () => {
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(kill);
    unmountBelow(place.dir);
    place[Symbol.dispose]();
  };
  for (const end = Date.now() + startMs; ; await sleep(100)) {
    try {
      docker('version');
      return { host, docker, [Symbol.asyncDispose]: stop };
    } catch (error) {
      if (Date.now() < end && child.exitCode === null) continue;
      const text = readFileSync(place.path('log'), 'utf8').slice(-2000);
      await stop();
      throw new Error(`dockerd didn't start:\n${text}`, { cause: error });
    }
  }
}
