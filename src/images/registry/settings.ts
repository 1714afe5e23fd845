/**
 * What this machine says of registries: mirrors, and which may be reached without checked TLS. Read from the files that
 * Podman and Docker have for it: registries.conf (version 2), and daemon.json.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { outside } from '../../kit/errors.ts';
import { parseTables, type TomlTable } from './toml.ts';

/** Where else a registry's repositories may be asked for. */
export interface Location {
  /** Host, with port and the beginning of the path where it has one: `mirror.example:5000/hub`. */
  location: string;
  insecure: boolean;
}

export interface RegistryRule extends Location {
  /** What references begin with for which it holds: `docker.io/library`, or `*.example.com`. */
  prefix: string;
  blocked: boolean;
  mirrors: Location[];
}

export function readSettings(env: NodeJS.ProcessEnv): RegistryRule[] {
  return [...confFiles(env).flatMap(readConf), ...readDaemonFile(env)];
}

/** The user's own file replaces the machine's; each may have a folder of further ones beside it. */
function confFiles(env: NodeJS.ProcessEnv): string[] {
  const own = join(
    env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'),
    'containers/registries.conf',
  );
  const places = [env['CONTAINERS_REGISTRIES_CONF'], own, '/etc/containers/registries.conf'];
  const file = places.find((place) => place && existsSync(place));
  if (file === undefined) return [];
  const folder = `${file}.d`;
  const more = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.conf')) : [];
  // What comes later wins there: a rule of the same prefix that comes first wins here.
  return [
    ...more
      .sort()
      .reverse()
      .map((name) => join(folder, name)),
    file,
  ];
}

function readConf(path: string): RegistryRule[] {
  const rules: RegistryRule[] = [];
  for (const table of parseTables(readText(path))) {
    if (table.name === 'registry' && table.isListed) {
      const location = textOf(table, 'location') ?? '';
      const prefix = textOf(table, 'prefix') ?? location;
      if (prefix === '') throw wrongFile(path, 'a [[registry]] has neither prefix nor location');
      rules.push({
        prefix,
        location: location || prefix,
        insecure: table.values.get('insecure') === true,
        blocked: table.values.get('blocked') === true,
        mirrors: [],
      });
    } else if (table.name === 'registry.mirror' && table.isListed) {
      const location = textOf(table, 'location');
      const rule = rules.at(-1);
      if (location === undefined || rule === undefined)
        throw wrongFile(path, 'a mirror has no location, or no registry');
      rule.mirrors.push({ location, insecure: table.values.get('insecure') === true });
    }
  }
  return rules;
}

function textOf({ values }: TomlTable, key: string): string | undefined {
  const value = values.get(key);
  return typeof value === 'string' ? value : undefined;
}

/** `registry-mirrors` are those of Docker Hub, `insecure-registries` hosts. */
function readDaemonFile(env: NodeJS.ProcessEnv): RegistryRule[] {
  const path = env['CAMBIUM_DOCKER_DAEMON_JSON'] || '/etc/docker/daemon.json';
  if (!existsSync(path)) return [];
  let content: Record<string, unknown>;
  try {
    content = JSON.parse(readText(path)) as Record<string, unknown>;
  } catch (error) {
    throw wrongFile(path, (error as Error).message);
  }
  const list = (key: string) => {
    const value = content[key];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  };
  const insecure = list('insecure-registries').map((host) => host.replace(/^https?:\/\//, ''));
  const mirrors = list('registry-mirrors').map((text) => {
    const location = text.replace(/^https?:\/\//, '').replace(/\/+$/, '');
    return { location, insecure: text.startsWith('http:') || insecure.includes(location) };
  });
  const plain = { blocked: false, mirrors: [] };
  const rules = insecure.map((host) => ({ ...plain, prefix: host, location: host, insecure: true }));
  if (mirrors.length === 0) return rules;
  return [...rules, { ...plain, prefix: 'docker.io', location: 'docker.io', insecure: false, mirrors }];
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw wrongFile(path, (error as Error).message);
  }
}

function wrongFile(path: string, why: string) {
  return outside('bad-settings', `The settings of registries in ${path} can't be read: ${why}.`);
}

/** The rule with the longest prefix that `name` (`docker.io/library/debian`) begins with. */
export function ruleFor(rules: readonly RegistryRule[], name: string): RegistryRule | undefined {
  let best: RegistryRule | undefined;
  for (const rule of rules)
    if (fits(rule.prefix, name) && rule.prefix.length > (best?.prefix.length ?? 0)) best = rule;
  return best;
}

function fits(prefix: string, name: string): boolean {
  if (prefix.startsWith('*.'))
    return (name.split('/')[0] as string).replace(/:\d+$/, '').endsWith(prefix.slice(1));
  return name === prefix || name.startsWith(`${prefix}/`);
}
