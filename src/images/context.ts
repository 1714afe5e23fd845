/** What all of this folder's work needs at hand. */
import { beginRun, type Run } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import type { SnapshotReader } from './ports.ts';

export interface ImageContext {
  store: Store;
  snapshots: SnapshotReader;
  /** The run whose folder takes half-written files: they go with it, whatever happens. Without one, each has its own. */
  run?: Run;
  signal?: AbortSignal;
}

/** Calls `body` with a folder for half-written files. */
export async function withRunFolder<T>(
  { store, run }: Pick<ImageContext, 'store' | 'run'>,
  body: (dir: string) => Promise<T>,
): Promise<T> {
  if (run !== undefined) return body(run.dir);
  using own = beginRun(store);
  return await body(own.dir);
}

export function abortOf({ signal }: Pick<ImageContext, 'signal'>): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}
