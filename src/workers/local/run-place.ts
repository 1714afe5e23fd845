/** Where runs take place: what all parts of a run need at hand. */
import type { Store } from '../../store/store.ts';
import type { Provisions } from './provisions.ts';
import type { Snapshots } from './snapshots/registry.ts';

export interface RunPlace {
  store: Store;
  snapshots: Snapshots;
  runDir: string;
  runId: string;
  provisions: Provisions;
}
