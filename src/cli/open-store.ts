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

/** What killed processes left behind may be what fills the disk: without it, the database can be written again. */
export async function removeLeftovers(store: Store): Promise<void> {
  const { sweep } = await import('../workers/local/sweep.ts');
  const { driverFor } = await import('../workers/local/snapshots/registry.ts');
  await sweep(store, driverFor(store));
}
