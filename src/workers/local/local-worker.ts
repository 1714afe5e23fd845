/** What the embedded worker offers besides being a worker. */
import type { Run } from '../../store/runs.ts';
import type { Worker } from '../worker.ts';
import type { Snapshots } from './snapshots/registry.ts';

export interface LocalWorker extends Worker {
  readonly snapshots: Snapshots;
  readonly run: Run;
}
