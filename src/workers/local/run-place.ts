/** Where runs take place: what all parts of a run need at hand. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { mountTmpfs } from '../../kit/system.ts';
import type { Store } from '../../store/store.ts';
import type { Provisions } from './provisions.ts';
import type { Starters } from './runtimes/index.ts';
import type { Snapshots } from './snapshots/registry.ts';

export interface RunPlace {
  store: Store;
  snapshots: Snapshots;
  runDir: string;
  runId: string;
  provisions: Provisions;
  /** In builds, where run follows run. */
  starters?: Starters;
}

/** A folder of the run in memory: for small files that nobody keeps, and for those with secrets, which never touch a disk. */
export function memoryFolder(runDir: string): string {
  const folder = join(runDir, 'memory');
  if (!existsSync(folder)) {
    mkdirSync(folder);
    mountTmpfs(folder, 'mode=700');
  }
  return folder;
}
