/**
 * Workers for builds that follow each other in one process: in the idle time after a build the next one's worker gets ready, and the
 * last one's is closed.
 */
import type { Store } from '../store/store.ts';
import { createLocalWorker, type LazyLocalWorker, type Provisions } from '../workers/local/index.ts';

export interface WorkerStock extends Disposable {
  take(): LazyLocalWorker;
  /** After its build. */
  give(worker: LazyLocalWorker): void;
}

export function openWorkerStock(store: Store, provisions: Provisions | undefined): WorkerStock {
  let next: LazyLocalWorker | undefined;
  const used = new Set<LazyLocalWorker>();
  let isOver = false;
  const closeUsed = () => {
    for (const worker of used) worker.close();
    used.clear();
  };
  const tidy = () => {
    closeUsed();
    if (isOver || next !== undefined) return;
    next = createLocalWorker(store, provisions);
    // What is in its way is in the next build's too, and told by that.
    void next.prepare().catch(() => {});
  };
  return {
    take() {
      const taken = next ?? createLocalWorker(store, provisions);
      next = undefined;
      return taken;
    },
    give(worker) {
      used.add(worker);
      setImmediate(tidy);
    },
    [Symbol.dispose]() {
      isOver = true;
      closeUsed();
      next?.close();
      next = undefined;
    },
  };
}
