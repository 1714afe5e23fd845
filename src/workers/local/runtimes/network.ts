/**
 * Networks of runs, and the three files that a network needs inside. `nat`: a network namespace of its own,
 * joined to the host's network by slirp4netns. Both end with this process: the namespace is held by a bind mount
 * in our private mount namespace, the program by a descriptor of ours.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { outside } from '../../../kit/errors.ts';
import { unmount } from '../../../kit/system.ts';
import { networkFiles } from './mountpoints.ts';
import { controlSocket, forward } from './port-forward.ts';
import { findProgram } from './programs.ts';
import type { PortForward, RunMount, RunRequest } from './types.ts';

/** The name server that slirp4netns offers inside; it asks those of the host. */
const natNameServer = '10.0.2.3';

export interface NatNetwork {
  /** Host path that names the network namespace. */
  path: string;
  close(): void;
}

/**
 * Makes a network namespace in `dir` with a way out, and ways in at `ports`. The host's own loopback can't be reached
 * from it.
 */
export async function openNat(dir: string, ports: readonly PortForward[] = []): Promise<NatNetwork> {
  const slirp = findProgram('slirp4netns');
  if (slirp === undefined) {
    throw outside(
      'missing-program',
      'The network `nat` needs the program slirp4netns, which is not installed.',
      {
        hint: 'Install it (Debian: `apt-get install slirp4netns`), or use the network `host` or `none`.',
      },
    );
  }
  const path = `${dir}/netns`;
  writeFileSync(path, '');
  const made = spawnSync(findProgram('unshare') ?? 'unshare', [`--net=${path}`, 'true'], {
    encoding: 'utf8',
  });
  if (made.status !== 0) throw natFailed(made.stderr);
  const child = spawn(
    slirp,
    [
      ...['--configure', '--mtu=65520', '--disable-host-loopback', '--enable-seccomp', '--netns-type=path'],
      // It ends when the other end of descriptor 4 is closed, which the kernel does if we are killed.
      ...['--ready-fd=3', '--exit-fd=4', ...(ports.length > 0 ? ['--api-socket', controlSocket] : [])],
      ...[path, 'tap0'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'], detached: true, env: {}, cwd: dir },
  );
  const [, , complaints, ready, lifeline] = child.stdio as unknown as [null, null, Socket, Socket, Socket];
  const close = () => {
    child.kill('SIGKILL');
    lifeline.destroy();
    unmount(path);
  };
  for (const socket of [complaints, ready, lifeline]) socket.on('error', () => {});
  let complaint = '';
  complaints.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const ended = once(child, 'exit').then(
    () => 'ended' as const,
    () => 'ended' as const,
  );
  const isReady = once(ready, 'data').then(() => 'ready' as const);
  if ((await Promise.race([isReady, ended])) === 'ended') {
    close();
    throw natFailed(complaint);
  }
  try {
    for (const port of ports) await forward(dir, port);
  } catch (error) {
    close();
    throw error;
  }
  // Neither the program nor its pipes keep this process alive.
  child.unref();
  lifeline.unref();
  ready.destroy();
  complaints.destroy();
  return { path, close };
}

function natFailed(why: string): Error {
  const line = why.trim().split('\n').at(-1) ?? '';
  return outside('nat-failed', `The network \`nat\` could not be made: ${line || 'slirp4netns ended'}.`, {
    hint: 'Use the network `host` or `none`; `cambium doctor` says what is missing.',
  });
}

/** Writes resolv.conf, hosts and hostname of a run into its folder; returns the mounts that show them inside. */
export function writeNetworkFiles(request: RunRequest): (RunMount & { type: 'bind' })[] {
  const { dir, hostname, network } = request;
  const contents: Record<(typeof networkFiles)[number], string> = {
    'resolv.conf': withWishes(resolvConf(network), request.dns),
    hosts: [
      `127.0.0.1\tlocalhost ${hostname}`,
      '::1\tlocalhost ip6-localhost ip6-loopback',
      'fe00::\tip6-localnet',
      'ff02::1\tip6-allnodes',
      'ff02::2\tip6-allrouters',
      ...(request.hosts ?? []).flatMap(({ name, address }) => {
        const known = address === 'host-gateway' ? hostAddress(network) : address;
        return known === undefined ? [] : [`${known}\t${name}`];
      }),
      '',
    ].join('\n'),
    hostname: `${hostname}\n`,
  };
  return networkFiles.map((name) => {
    writeFileSync(`${dir}/${name}`, contents[name], { mode: 0o644 });
    return { type: 'bind', source: `${dir}/${name}`, target: `/etc/${name}`, readonly: false };
  });
}

function resolvConf(network: RunRequest['network']): string {
  if (network === 'none') return '';
  if (network === 'nat') return `nameserver ${natNameServer}\n`;
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}

/** resolv.conf(5) with what was asked for in place of its lines of the same kind. */
function withWishes(text: string, wishes: RunRequest['dns']): string {
  if (wishes === undefined) return text;
  const { servers, search, options } = wishes;
  const replaced = [
    { words: /^nameserver\s/, given: servers, lines: servers.map((server) => `nameserver ${server}`) },
    {
      words: /^(?:search|domain)\s/,
      given: search,
      lines: search.includes('.') ? [] : [`search ${search.join(' ')}`],
    },
    { words: /^options\s/, given: options, lines: [`options ${options.join(' ')}`] },
  ].filter(({ given }) => given.length > 0);
  const kept = text
    .split('\n')
    .filter((line) => line !== '' && !replaced.some(({ words }) => words.test(line)));
  return [...kept, ...replaced.flatMap(({ lines }) => lines), ''].join('\n');
}

/** Where a run finds what listens on this machine, beyond its loopback; undefined where there is no way to it. */
function hostAddress(network: RunRequest['network']): string | undefined {
  if (network === 'none') return undefined;
  if (network === 'host') return '127.0.0.1';
  const address = Object.values(networkInterfaces())
    .flatMap((interfaces) => interfaces ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  if (address !== undefined) return address;
  throw outside('no-address', 'This machine has no address that `host-gateway` could stand for.', {
    hint: 'Use the network `host`, in which it is 127.0.0.1.',
  });
}
