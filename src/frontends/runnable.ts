/** What `cambium run` takes as an image: one of the store, or whatever `FROM` takes. */
import { bringSource } from '../build/index.ts';
import { findImage, hostPlatform, type Image } from '../images/index.ts';
import { wrongUse } from '../kit/errors.ts';
import type { Store } from '../store/store.ts';
import type { Worker } from '../workers/worker.ts';
import { resolveImage } from './resolve-image.ts';
import { parseSource } from './sources.ts';

export type Runnable = Pick<Image, 'snapshot' | 'root' | 'config' | 'platform' | 'history'>;

/** Finds the image `name`, or brings it in. `cwd` is where relative paths start. */
export async function openRunnable(
  store: Store,
  worker: Worker,
  name: string,
  cwd: string,
  signal: AbortSignal,
): Promise<Runnable> {
  const image = findImage(store.db, name);
  if (image !== undefined) {
    if (worker.lease(image.snapshot)) return image;
    throw wrongUse('unknown-image', `The image \`${name}\` was removed just now.`);
  }
  const parsed = parseSource(name, cwd, { file: '' });
  if ('complaint' in parsed) throw wrongUse(parsed.complaint.code, parsed.complaint.message);
  const { source } = parsed;
  const resolved = await resolveImage(store, source);
  const snapshot = await bringSource(store, worker, source, name, signal);
  const { config = {}, platform = hostPlatform() } = resolved ?? {};
  return { snapshot, root: '/', config, platform, history: [{ createdBy: `from ${name}`, snapshot }] };
}
