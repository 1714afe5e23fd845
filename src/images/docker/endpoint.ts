/** Where the Docker daemon is: DOCKER_HOST, else the context that the `docker` program would use, else the usual socket. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { hexOf, sha256 } from '../../kit/digest.ts';
import { type UserError, wrongUse } from '../../kit/errors.ts';

export interface DaemonTls {
  ca?: string;
  cert?: string;
  key?: string;
  /** Whether the daemon's certificate is checked. */
  verify: boolean;
}

export interface DaemonEndpoint {
  /** As people write it, for messages: `unix:///var/run/docker.sock`. */
  name: string;
  /** A socket of this machine, or a host and port. */
  at: { socket: string } | { host: string; port: number; tls?: DaemonTls };
}

const usualHost = 'unix:///var/run/docker.sock';

/** Reads the environment and Docker's own configuration; asks nobody. Throws `bad-docker-host`. */
export function daemonEndpoint(env: NodeJS.ProcessEnv = process.env): DaemonEndpoint {
  const host = env['DOCKER_HOST'];
  if (host) return endpointOf(host, 'DOCKER_HOST', tlsOfEnvironment(env));
  const folder = env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker');
  const context = env['DOCKER_CONTEXT'] || currentContext(folder);
  return context === undefined || context === 'default'
    ? endpointOf(usualHost, 'the usual place')
    : contextEndpoint(folder, context);
}

function endpointOf(host: string, from: string, tls?: DaemonTls): DaemonEndpoint {
  const socket = /^unix:\/\/(\/.+)$/.exec(host)?.[1];
  if (socket !== undefined) return { name: host, at: { socket } };
  const url = /^(?:tcp|https?):\/\//.test(host) && URL.canParse(host.replace(/^tcp:/, 'http:'));
  if (!url) throw badHost(host, from);
  const { hostname, port, protocol } = new URL(host.replace(/^tcp:/, 'http:'));
  const isTls = tls !== undefined || protocol === 'https:';
  const usualPort = protocol === 'https:' ? 443 : isTls ? 2376 : 2375;
  return {
    name: host,
    at: {
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(port || usualPort),
      ...(isTls && { tls: tls ?? { verify: true } }),
    },
  };
}

function badHost(host: string, from: string): UserError {
  const isSsh = host.startsWith('ssh://');
  return wrongUse(
    'bad-docker-host',
    isSsh
      ? `The Docker daemon of ${from} is reached by ssh (${host}), which is not done here.`
      : `\`${host}\` of ${from} names no Docker daemon.`,
    {
      hint: isSsh
        ? `Forward its socket: ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock ${host.slice('ssh://'.length)}, then DOCKER_HOST=unix:///tmp/docker.sock`
        : 'Write it as unix:///path/of/socket or tcp://HOST:PORT.',
    },
  );
}

/** DOCKER_TLS_VERIFY (any value), DOCKER_TLS, and ca.pem, cert.pem and key.pem of DOCKER_CERT_PATH. */
function tlsOfEnvironment(env: NodeJS.ProcessEnv): DaemonTls | undefined {
  const verify = Boolean(env['DOCKER_TLS_VERIFY']);
  if (!verify && !env['DOCKER_TLS']) return undefined;
  const folder = env['DOCKER_CERT_PATH'] || env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker');
  return { ...certificates(folder), verify };
}

function certificates(folder: string): Pick<DaemonTls, 'ca' | 'cert' | 'key'> {
  const found = ['ca', 'cert', 'key'].flatMap((name) => {
    const file = join(folder, `${name}.pem`);
    return existsSync(file) ? [[name, readFileSync(file, 'utf8')] as const] : [];
  });
  return Object.fromEntries(found);
}

function currentContext(folder: string): string | undefined {
  const config = readJson(join(folder, 'config.json')) as { currentContext?: unknown } | undefined;
  return typeof config?.currentContext === 'string' ? config.currentContext || undefined : undefined;
}

/** What `docker context create` wrote: one folder a context, named by the digest of its name. */
function contextEndpoint(folder: string, context: string): DaemonEndpoint {
  const id = hexOf(sha256(context));
  const meta = readJson(join(folder, 'contexts/meta', id, 'meta.json')) as
    | { Endpoints?: { docker?: { Host?: string; SkipTLSVerify?: boolean } } }
    | undefined;
  const docker = meta?.Endpoints?.docker;
  if (!docker?.Host) {
    throw wrongUse('unknown-context', `There is no Docker context \`${context}\`.`, {
      hint: 'See `docker context ls`, or set DOCKER_HOST.',
    });
  }
  const certs = certificates(join(folder, 'contexts/tls', id, 'docker'));
  const hasTls = Object.keys(certs).length > 0 || docker.SkipTLSVerify === true;
  const tls = hasTls ? { ...certs, verify: docker.SkipTLSVerify !== true } : undefined;
  return endpointOf(docker.Host, `the context ${context}`, tls);
}

/** Undefined where there is nothing that can be read: the `docker` program complains about that, not we. */
function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) ?? undefined;
  } catch {
    return undefined;
  }
}
