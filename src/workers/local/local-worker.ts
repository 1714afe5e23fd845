/** What the embedded worker offers besides being a worker. */
import type { Run } from '../../store/runs.ts';
import type { WarmWorker } from '../warm.ts';
import type { Worker } from '../worker.ts';
import type { Snapshots } from './snapshots/registry.ts';

export interface LocalWorker extends Worker {
  readonly snapshots: Snapshots;
  readonly run: Run;
}

/** Nothing of it is there before it is used. */
export interface LazyLocalWorker extends Worker {
  open(): Promise<LocalWorker>;
  warm(): Promise<WarmWorker>;
  /** In idle time: makes what any run needs. */
  prepare(): Promise<void>;
  /** Commands wait for `ready` from now on; what stands before them is made ready meanwhile. */
  holdCommands(ready: Promise<void>): void;
}
