/** What a frontend may ask of a source before a build: the configuration of the image that it is. */
import { resolveSource } from '../images/index.ts';
import type { Source } from '../plan/index.ts';
import type { Store } from '../store/store.ts';
import type { BaseImage } from './request.ts';

/** Undefined for sources that carry none: folders and tars. */
export async function resolveImage(store: Store, source: Source): Promise<BaseImage | undefined> {
  if (source.type !== 'image' && source.type !== 'oci-layout') return undefined;
  const { config, platform, author } = await resolveSource(store, source);
  return config && platform && { config, platform, ...(author !== undefined && { author }) };
}
