/** Where a repository is: the addresses to ask, and how they may be reached. */
import { outside } from '../../kit/errors.ts';
import { parseReference, type Reference } from '../references.ts';
import { isLoopback } from './proxy.ts';
import { type Location, readSettings, ruleFor } from './settings.ts';

export interface Endpoint {
  /** The registry as references name it: `docker.io`. Logins go by it. */
  domain: string;
  /** The address that is asked, with its port: `registry-1.docker.io`. */
  host: string;
  /** The repository there: `library/debian`. */
  path: string;
  /** Of two, the first that is spoken there: plain HTTP only on loopback, or when that is told to be enough. */
  schemes: readonly ('https' | 'http')[];
  /** Whether certificates are checked. */
  verify: boolean;
}

export interface Reach {
  /** `--tls-verify=false`: certificates aren't checked, and plain HTTP will do. */
  insecure?: boolean;
}

/** The addresses to ask for a repository: mirrors, then the registry itself, which alone is sent to. */
export function endpointsOf(
  { domain, path }: Reference,
  { insecure = false }: Reach = {},
  env: NodeJS.ProcessEnv = process.env,
): Endpoint[] {
  const name = `${domain}/${path}`;
  const rule = ruleFor(readSettings(env), name);
  if (rule === undefined) return [endpointAt(domain, domain, path, insecure)];
  if (rule.blocked) {
    throw outside('blocked-registry', `The registry ${domain} is blocked by the settings of this machine.`, {
      hint: 'See `blocked` in registries.conf.',
    });
  }
  const at = (place: Location) => {
    // What the prefix stands for is replaced; one with `*` stands for a host that stays.
    const rest = rule.prefix.startsWith('*.') ? `/${path}` : name.slice(rule.prefix.length);
    const base = rule.prefix.startsWith('*.') && place === rule ? domain : place.location;
    const found = parseReference(`${base}${rest}`);
    // A mirror has a login of its own.
    return endpointAt(
      place === rule ? domain : found.domain,
      found.domain,
      found.path,
      insecure || place.insecure,
    );
  };
  return [...rule.mirrors.map(at), at(rule)];
}

/** The registry itself. */
export function ownEndpoint(reference: Reference, reach: Reach = {}): Endpoint {
  return endpointsOf(reference, reach).at(-1) as Endpoint;
}

function endpointAt(domain: string, registry: string, path: string, insecure: boolean): Endpoint {
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  const schemes = isLoopback(host.replace(/:\d+$/, ''))
    ? (['http', 'https'] as const)
    : insecure
      ? (['https', 'http'] as const)
      : (['https'] as const);
  return { domain, host, path, schemes, verify: !insecure };
}
