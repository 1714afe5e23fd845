/** One source by itself, outside of any build: the same keys, so that builds and runs share what was brought in. */
import type { SnapshotId, Source, StepId } from '../plan/index.ts';
import { withLock } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import type { Worker } from '../workers/worker.ts';
import { keyOf, sourceFacts } from './facts.ts';

/** The snapshot of a source; brings it in when the store hasn't it yet, and keeps it from being pruned. */
export async function bringSource(
  store: Store,
  worker: Worker,
  source: Source,
  name: string,
  signal: AbortSignal,
): Promise<SnapshotId> {
  const op = { type: 'source' as const, source };
  const key = keyOf(sourceFacts(op, await worker.identify(source)));
  const find = () => {
    const hit = worker.find(key);
    return hit !== undefined && worker.lease(hit.snapshot) ? hit.snapshot : undefined;
  };
  const bring = async () => {
    const outcome = await worker.execute({
      step: { id: 'source' as StepId, stage: name, title: `from ${name}`, op },
      ...{ key, alias: undefined, base: undefined, limits: {}, timeoutMs: undefined, signal },
      snapshotOf: () => {
        throw new Error('a source needs no other step');
      },
      onOutput: () => {},
    });
    if (outcome.outcome !== 'done') throw new Error(`a source ended as ${outcome.outcome}`);
    return outcome.snapshot;
  };
  return find() ?? (await withLock(store, key, { onWait: () => {}, signal }, async () => find() ?? bring()));
}
