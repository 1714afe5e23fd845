/** What the name of an image stands for: an image of the store, or one of a registry. */
import { UserError } from '../../kit/errors.ts';
import type { LocalSource } from '../../plan/index.ts';
import type { Store } from '../../store/store.ts';
import { imageFor } from '../indexes.ts';
import { type Image, imageByOrigin } from '../records.ts';
import { parseReference, type Reference } from '../references.ts';
import { type KnownManifest, rememberedManifest } from '../registry/records.ts';
import { findImage, requireImage } from '../tags.ts';
import { hostPlatform, isPlatform } from './platform.ts';

export type Named = { image: Image } | { remote: KnownManifest };

type NamedSource = LocalSource & { type: 'image' };

/**
 * First what a registry said of the name, as long as no tag was given to it since; then the store's tags and ids; then
 * the registry is asked. With `pull` it is asked in any case, unless the name is known in this store only.
 */
export async function findNamed(store: Store, source: NamedSource): Promise<Named> {
  const reference = referenceOf(source.reference);
  if (reference === undefined) return { image: localImage(store, source) };
  const { pull = false } = source;
  const platform = source.platform ?? hostPlatform();
  const request = { reference, platform, pull };
  const remote = rememberedManifest(store.db, request);
  if (remote !== undefined) return { remote };
  const image = findImage(store.db, source.reference);
  const isOwn = image !== undefined && image.origin === undefined;
  if (isOwn) return { image: localImage(store, source) };
  if (image && !pull && isPlatform(image.platform, platform)) return { image };
  const { resolveManifest } = await import('../registry/resolve.ts');
  try {
    return { remote: await resolveManifest(store, request) };
  } catch (error) {
    if (!(error instanceof UserError) || image !== undefined) throw error;
    const { code, message, hint, exitCode, cause } = error;
    const both = `The store has no image \`${source.reference}\`. ${message}`;
    throw new UserError({ code, message: both, exitCode, cause, ...(hint !== undefined && { hint }) });
  }
}

/** The image of the store that a source names: of an index, that of the platform. */
export function localImage(store: Store, { reference, platform }: NamedSource): Image {
  const image = requireImage(store.db, reference);
  return platform === undefined ? image : imageFor(image, platform);
}

/** The store's image of that name, if it has been brought in; nobody is asked. */
export function findBroughtIn(store: Store, source: NamedSource): Image | undefined {
  const reference = referenceOf(source.reference);
  const platform = source.platform ?? hostPlatform();
  const remote = reference && rememberedManifest(store.db, { reference, platform });
  if (remote !== undefined) return imageByOrigin(store.db, remote.digest);
  return findImage(store.db, source.reference) && localImage(store, source);
}

/** Undefined for what can only be an id. */
function referenceOf(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (error instanceof UserError && /^(sha256:)?[0-9a-f]{6,64}$/.test(text)) return undefined;
    throw error;
  }
}
