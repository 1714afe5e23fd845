/** From a name to a manifest: as the store remembers it, else as the registry says. */
import type { Digest } from '../../kit/digest.ts';
import { outside } from '../../kit/errors.ts';
import type { Platform } from '../../plan/index.ts';
import type { Store } from '../../store/store.ts';
import { formatReference, type Reference } from '../references.ts';
import { type OpenOptions, openRegistry, type Registry } from './client.ts';
import { openConnector } from './connect.ts';
import { endpointsOf, type Reach } from './endpoint.ts';
import { chooseManifest, fetchConfig, fetchManifest, headManifest, readManifest } from './manifests.ts';
import { findManifest, findName, type KnownManifest, rememberName } from './records.ts';

export interface ResolveRequest extends Reach {
  reference: Reference;
  platform: Platform;
  signal?: AbortSignal | undefined;
}

/** Asks the registry, and remembers the answer. Throws `unknown-image` where it has no such thing. */
export async function resolveManifest(store: Store, request: ResolveRequest): Promise<KnownManifest> {
  using connector = openConnector();
  return await firstThatAnswers(request, { connector, signal: request.signal }, (registry) =>
    resolveAt(store, registry, request),
  );
}

/** Tries the registry's addresses in turn: mirrors come first, and one that fails is passed over. */
export async function firstThatAnswers<T>(
  { reference, ...reach }: Reach & { reference: Reference },
  options: OpenOptions,
  body: (registry: Registry) => Promise<T>,
): Promise<T> {
  const endpoints = endpointsOf(reference, reach);
  for (const [at, endpoint] of endpoints.entries()) {
    try {
      return await body(openRegistry(endpoint, options));
    } catch (error) {
      if (at === endpoints.length - 1 || options.signal?.aborted === true) throw error;
    }
  }
  throw new Error('a registry has no address');
}

async function resolveAt(store: Store, registry: Registry, request: ResolveRequest): Promise<KnownManifest> {
  const { reference, platform } = request;
  const name = formatReference(reference);
  const asked = reference.digest ?? reference.tag ?? 'latest';
  const known = findName(store.db, name, platform);
  const top: Digest | undefined = known && (await headManifest(registry, asked));
  const same = known && top === known.top ? findManifest(store.db, known.manifest) : undefined;
  if (same !== undefined) {
    rememberName(store.db, name, platform, {
      top: same.digest === top ? same.digest : (top as Digest),
      manifest: same,
    });
    return same;
  }
  const raw = await fetchManifest(registry, asked);
  if (raw === undefined) {
    throw outside('unknown-image', `The registry ${reference.domain} has no image \`${name}\`.`, {
      hint: 'Look at its name and tag.',
    });
  }
  const chosen = await chooseManifest(registry, raw, platform);
  const { config } = readManifest(chosen, name);
  const stored = findManifest(store.db, chosen.digest);
  const manifest: KnownManifest = {
    ...chosen,
    // A mirror may be gone when layers are fetched.
    repository: `${reference.domain}/${reference.path}`,
    config: stored?.config ?? (await fetchConfig(registry, config)),
  };
  rememberName(store.db, name, platform, { top: raw.digest, manifest });
  return manifest;
}
