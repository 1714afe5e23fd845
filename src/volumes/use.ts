/** The folder of a volume for the life of a run. */
import type { Run } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import { ensureVolume } from './create.ts';
import { checkName, dataDir } from './names.ts';
import type { Volume } from './rows.ts';
import { beginUse, type UseMode, type WaitOptions } from './uses.ts';

export interface VolumeRequest extends WaitOptions {
  /** Default `write`: in place, beside others. */
  mode?: Exclude<UseMode, 'fork'>;
  /** Make it when it isn't there. */
  create?: boolean | { kind: Volume['kind']; origin: string };
}

export interface UsedVolume extends Disposable {
  name: string;
  /** Host path of the data's folder. */
  host: string;
  /** Whether this call made it, empty. */
  isNew: boolean;
}

/**
 * Opens a volume until it is disposed of, or this process ends: nobody removes or restores it meanwhile. Waits while
 * somebody works on it alone. Throws `unknown-volume`.
 */
export async function useVolume(
  store: Store,
  run: Run,
  name: string,
  { mode = 'write', create = false, ...wait }: VolumeRequest = {},
): Promise<UsedVolume> {
  checkName(name);
  const facts = typeof create === 'object' ? create : {};
  const isNew = create !== false && (await ensureVolume(store, run, { name, ...facts }));
  const use = await beginUse(store, run, name, mode, wait);
  return { name, host: dataDir(store, name), isNew, [Symbol.dispose]: () => use[Symbol.dispose]() };
}
