/** A shell or command on the terminal of this process, from its start to its exit code. */

import type { Store } from '../store/store.ts';
import type { LocalWorker } from '../workers/local/index.ts';
import { type Attachment, attach } from './attach.ts';
import { tellOutcome } from './outcome.ts';

export interface Attached extends Pick<Attachment, 'signal' | 'onLaunch'> {
  stdio: { input: true; terminal: boolean };
}

/** Runs `argv` by `run`, with this process's own streams, and takes its exit code over. */
export async function runAttached(
  store: Store,
  argv: readonly string[],
  run: (worker: LocalWorker, attached: Attached) => Promise<Parameters<typeof tellOutcome>[0]>,
): Promise<void> {
  const { createLocalWorker } = await import('../workers/local/index.ts');
  const worker = createLocalWorker(store);
  const terminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  using attachment = attach({ terminal });
  const { signal, onLaunch } = attachment;
  try {
    tellOutcome(await run(await worker.open(), { stdio: { input: true, terminal }, signal, onLaunch }), argv);
  } finally {
    worker.close();
  }
}
