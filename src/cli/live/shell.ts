/** `cambium shell --live`: a shell, or a command, in a live builder. */
import type { Store } from '../../store/store.ts';
import { attach } from '../attach.ts';
import { tellOutcome } from '../outcome.ts';
import { pickLive } from './find.ts';

/** `words`: a name perhaps, and then a command. */
export async function openInLive(store: Store, words: readonly string[]): Promise<void> {
  const { live, argv } = pickLive(store, words, process.cwd());
  const { createLocalWorker } = await import('../../workers/local/index.ts');
  const { attachLive } = await import('../../workers/local/live/attach.ts');
  const worker = createLocalWorker(store);
  const terminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  using attached = attach({ terminal });
  try {
    const result = await attachLive(await worker.open(), live, argv, {
      stdio: { input: true, terminal },
      signal: attached.signal,
      onLaunch: attached.onLaunch,
    });
    tellOutcome(result, argv);
  } finally {
    worker.close();
  }
}
