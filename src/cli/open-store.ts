/** Opens the store that a command is to use. */
import type { Store } from '../store/store.ts';

/** Opens `--store DIR`, or else the default one. The caller closes it. */
export async function openChosenStore(dir: string | undefined): Promise<Store> {
  const { defaultStoreDir, openStore } = await import('../store/store.ts');
  return openStore(dir ?? defaultStoreDir());
}

/** Runs `body` with the store, and closes it whatever happens. */
export async function withStore<T>(
  dir: string | undefined,
  body: (store: Store) => T | Promise<T>,
): Promise<T> {
  const store = await openChosenStore(dir);
  try {
    return await body(store);
  } finally {
    store.close();
  }
}
