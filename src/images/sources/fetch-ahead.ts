/** Brings the layers of an image into the store's blobs, several at once, ahead of who unpacks them in their order. */
import type { Digest } from '../../kit/digest.ts';
import type { ImageContext } from '../context.ts';
import type { LayerBlob } from './described.ts';
import { ensureLayerBlob, type StoredLayer } from './layer-blobs.ts';

export interface FetchAhead extends AsyncDisposable {
  /** The layer of that index, once it is there. */
  layer(index: number): Promise<StoredLayer>;
}

const atOnce = 3;

/** Dispose of it at the end: what is still under way is stopped then. */
export function fetchAhead(context: ImageContext, layers: readonly LayerBlob[], place: string): FetchAhead {
  const stop = new AbortController();
  const signal = context.signal ? AbortSignal.any([context.signal, stop.signal]) : stop.signal;
  // An image may have the same layer twice.
  const jobs = new Map<Digest, () => Promise<StoredLayer>>();
  const results = new Map<Digest, Promise<StoredLayer>>();
  for (const layer of layers) {
    if (jobs.has(layer.diffId)) continue;
    const result = new Promise<StoredLayer>((resolve, reject) => {
      jobs.set(layer.diffId, async () => {
        const fetched = signal.aborted
          ? Promise.reject(signal.reason)
          : ensureLayerBlob({ ...context, signal }, layer, place);
        await fetched.then(resolve, reject);
        return fetched;
      });
    });
    // Who waits for an earlier one may never come to ask for this one.
    result.catch(() => {});
    results.set(layer.diffId, result);
  }
  const waiting = [...jobs.values()];
  const work = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) await job();
  };
  const workers = Array.from({ length: atOnce }, () => work().catch((error) => stop.abort(error)));
  return {
    layer: (index) => results.get(layers[index]?.diffId as Digest) as Promise<StoredLayer>,
    async [Symbol.asyncDispose]() {
      waiting.length = 0;
      stop.abort(new Error('the import has ended'));
      await Promise.all(workers);
    },
  };
}
