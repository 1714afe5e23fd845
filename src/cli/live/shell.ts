/** `cambium shell --live`: a shell, or a command, in a live builder. */
import type { Store } from '../../store/store.ts';
import { runAttached } from '../attached-run.ts';
import { pickLive } from './find.ts';

/** `words`: a name perhaps, and then a command. */
export async function openInLive(store: Store, words: readonly string[]): Promise<void> {
  const { live, argv } = pickLive(store, words, process.cwd());
  const { attachLive } = await import('../../workers/local/live/attach.ts');
  await runAttached(store, argv, (worker, attached) => attachLive(worker, live, argv, attached));
}
