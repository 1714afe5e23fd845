/** Where a repository is: the registry's address, and how it may be reached. */
import type { Reference } from '../references.ts';
import { isLoopback } from './proxy.ts';

export interface Endpoint {
  /** The registry as references name it: `docker.io`. */
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

/** The addresses to ask for a repository, the preferred one first. */
export function endpointsOf({ domain, path }: Reference, { insecure = false }: Reach = {}): Endpoint[] {
  const host = domain === 'docker.io' ? 'registry-1.docker.io' : domain;
  const isLocal = isLoopback(hostnameOf(host));
  const schemes = isLocal
    ? (['http', 'https'] as const)
    : insecure
      ? (['https', 'http'] as const)
      : (['https'] as const);
  return [{ domain, host, path, schemes, verify: !insecure }];
}

export function hostnameOf(host: string): string {
  return host.replace(/:\d+$/, '');
}
