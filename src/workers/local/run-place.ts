/** Where runs take place: what all parts of a run need at hand. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../../kit/errors.ts';
import { mountTmpfs } from '../../kit/system.ts';
import type { Store } from '../../store/store.ts';
import type { Provisions } from './provisions.ts';
import { makeUsualTargets, type Starters } from './runtimes/index.ts';
import type { Snapshots } from './snapshots/registry.ts';

export interface RunPlace {
  store: Store;
  snapshots: Snapshots;
  runDir: string;
  runId: string;
  provisions: Provisions;
  /** In builds, where run follows run. */
  starters?: Starters;
  /** Commands wait for this. */
  ready?: Promise<void> | undefined;
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

/**
 * A folder of the store with the mount points that every run has, shown below an image that lacks them: else each run would make
 * them in its workspace and take them away again.
 */
export function usualMountpoints({ store, runDir }: Pick<RunPlace, 'store' | 'runDir'>): string {
  const folder = join(store.dir, 'mountpoints');
  if (existsSync(folder)) return folder;
  const made = join(runDir, 'mountpoints');
  mkdirSync(made);
  makeUsualTargets(made);
  try {
    renameSync(made, folder);
  } catch (error) {
    // Another build was quicker.
    if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error;
    rmSync(made, { recursive: true });
  }
  return folder;
}
