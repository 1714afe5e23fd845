/** The flags that only Dockerfiles have, as `docker buildx build` has them. */
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { formatPlatform, normalPlatform, parsePlatform } from '../frontends/dockerfile/language/platform.ts';
import { hostPlatform } from '../images/sources/platform.ts';
import { wrongUse } from '../kit/errors.ts';
import type { Platform } from '../plan/index.ts';
import type { Provisions, SecretSource } from '../workers/local/provisions.ts';
import { repeatable } from './repeatable.ts';
import { parseChoice, parsePairs, parseSize } from './values.ts';

/** What is asked about a Dockerfile instead of building it. */
const calls = ['build', 'check', 'outline', 'targets'] as const;
export type Call = (typeof calls)[number];

/** As typed. */
export interface RawDockerfileFlags {
  buildArg: string[];
  buildContext: string[];
  secret: string[];
  ssh: string[];
  addHost: string[];
  ulimit: string[];
  shmSize?: string;
  allow: string[];
  pull?: boolean;
  call?: string;
  check?: boolean;
}

export interface DockerfileFlags {
  buildArgs: Record<string, string>;
  contexts: Record<string, string>;
  hosts: { name: string; address: string }[];
  ulimits: { name: string; soft: number; hard: number }[];
  allow: string[];
  shmBytes?: number;
  platforms?: Platform[];
  pull: boolean;
  provisions: Provisions;
  call: Call;
}

export function addDockerfileFlags(command: Command): Command {
  return command
    .addOption(
      repeatable(
        '--build-arg <name[=value]>',
        "value of a Dockerfile's ARG; without one, that of the environment",
      ),
    )
    .addOption(
      repeatable(
        '--build-context <name=source>',
        'a folder, image, archive or volume://NAME for FROM and --from',
      ),
    )
    .addOption(repeatable('--secret <secret>', 'a secret for RUN: id=ID,src=FILE or id=ID,env=NAME'))
    .addOption(repeatable('--ssh <agent>', 'an SSH agent for RUN: default, or ID=SOCKET or ID=KEY,…'))
    .addOption(repeatable('--add-host <host:ip>', 'a line in /etc/hosts of every RUN'))
    .addOption(repeatable('--ulimit <name=soft[:hard]>', 'a limit of every RUN'))
    .option('--shm-size <size>', 'size of /dev/shm of every RUN')
    .addOption(repeatable('--allow <right>', 'what steps may ask for: network.host, security.insecure'))
    .option('--pull', 'look for newer base images')
    .option('--call <what>', `what to do with a Dockerfile: ${calls.join(', ')}`, 'build')
    .option('--check', 'short for --call check');
}

export function readDockerfileFlags(
  raw: RawDockerfileFlags & { platform?: string },
  cwd: string,
  env: NodeJS.ProcessEnv,
): DockerfileFlags {
  const { shmSize, platform } = raw;
  return {
    buildArgs: readBuildArgs(raw.buildArg, env),
    contexts: parsePairs('--build-context', raw.buildContext),
    hosts: raw.addHost.map(readHost),
    ulimits: raw.ulimit.map(readUlimit),
    allow: raw.allow.flatMap((text) => text.split(',')).map((text) => parseChoice('--allow', text, rights)),
    ...(shmSize !== undefined && { shmBytes: parseSize('--shm-size', shmSize) }),
    ...(platform !== undefined && { platforms: readPlatforms(platform) }),
    pull: raw.pull ?? false,
    provisions: { secrets: readSecrets(raw.secret, cwd, env), ssh: readAgents(raw.ssh, cwd) },
    call: raw.check ? 'check' : parseChoice('--call', raw.call ?? 'build', calls),
  };
}

const rights = ['network.host', 'security.insecure'] as const;

function bad(flag: string, value: string, needs: string) {
  return wrongUse('bad-value', `The value \`${value}\` of ${flag} is wrong: it takes ${needs}.`);
}

/** A name alone takes its value from the environment; one that isn't there either counts as not given. */
function readBuildArgs(texts: readonly string[], env: NodeJS.ProcessEnv): Record<string, string> {
  const args: Record<string, string> = {};
  for (const text of texts) {
    const at = text.indexOf('=');
    const name = at === -1 ? text : text.slice(0, at);
    if (name === '') throw bad('--build-arg', text, 'NAME=VALUE, or NAME');
    const value = at === -1 ? env[name] : text.slice(at + 1);
    if (value !== undefined) args[name] = value;
  }
  return args;
}

/** `HOST:IP` or `HOST:host-gateway`, of `--add-host`. */
export function readHost(text: string): { name: string; address: string } {
  const at = text.includes('=') ? text.indexOf('=') : text.indexOf(':');
  const name = text.slice(0, Math.max(0, at));
  const address = text.slice(at + 1).replace(/^\[(.*)\]$/, '$1');
  if (name === '' || (isIP(address) === 0 && address !== 'host-gateway'))
    throw bad('--add-host', text, 'HOST:IP, or HOST:host-gateway for this machine');
  return { name, address };
}

const limitNames = [
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
].concat(['rss', 'rtprio', 'rttime', 'sigpending', 'stack']);

/** `NAME=SOFT[:HARD]`, of `--ulimit`. */
export function readUlimit(text: string): { name: string; soft: number; hard: number } {
  const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
  if (match === null) throw bad('--ulimit', text, 'NAME=SOFT[:HARD], such as nofile=1024:2048');
  const name = parseChoice('--ulimit', match[1] as string, limitNames);
  // -1 is no limit, which the kernel has as the largest number: what a runtime reads as such.
  const value = (digits: string) => (Number(digits) < 0 ? Number.MAX_SAFE_INTEGER : Number(digits));
  const soft = value(match[2] as string);
  const hard = match[3] === undefined ? soft : value(match[3]);
  if (soft > hard) throw bad('--ulimit', text, 'a soft limit that is not above the hard one');
  return { name, soft, hard };
}

/** Each once, in the order in which they are named. */
function readPlatforms(text: string): Platform[] {
  const platforms = new Map<string, Platform>();
  for (const part of text.split(',')) {
    const platform = parsePlatform(part.trim(), hostPlatform());
    if (platform === undefined)
      throw bad('--platform', text, 'a platform, such as linux/amd64 or linux/arm64, or several with commas');
    const name = formatPlatform(normalPlatform(platform));
    if (!platforms.has(name)) platforms.set(name, platform);
  }
  return [...platforms.values()];
}

/** `--platform` of a command that takes one. */
export function readOnePlatform(text: string): Platform {
  const [platform, ...others] = readPlatforms(text);
  if (platform === undefined || others.length > 0) throw bad('--platform', text, 'one platform');
  return platform;
}

function readSecrets(
  texts: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Record<string, SecretSource> {
  return Object.fromEntries(
    texts.map((text) => {
      const fields = new Map(
        text.split(',').map((field) => {
          const at = field.indexOf('=');
          if (at < 1) throw bad('--secret', text, 'id=ID,src=FILE or id=ID,env=NAME');
          return [field.slice(0, at).toLowerCase(), field.slice(at + 1)] as const;
        }),
      );
      const unknown = [...fields.keys()].find((key) => !['id', 'src', 'source', 'env', 'type'].includes(key));
      const file = fields.get('src') ?? fields.get('source');
      const variable = fields.get('env') ?? (fields.get('type') === 'env' ? file : undefined);
      const id = fields.get('id') ?? (variable === undefined ? file : variable);
      if (unknown !== undefined || id === undefined)
        throw bad('--secret', text, 'id=ID,src=FILE or id=ID,env=NAME');
      if (variable !== undefined) return [id, { env: variable }];
      if (file === undefined && env[id] !== undefined) return [id, { env: id }];
      const path = resolve(cwd, file ?? id);
      if (!existsSync(path))
        throw wrongUse('missing-secret', `The secret ${id} should be in ${path}, which doesn't exist.`);
      return [id, { file: path }];
    }),
  );
}

function readAgents(texts: readonly string[], cwd: string): Record<string, readonly string[]> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=');
      if (at === -1) return [text, []];
      const files = text
        .slice(at + 1)
        .split(',')
        .filter((file) => file !== '');
      return [text.slice(0, at), files.map((file) => resolve(cwd, file))];
    }),
  );
}
