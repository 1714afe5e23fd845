/** What a row of a live builder says in the worker's own words, and how its files are reached. */
import { basename, dirname, join } from 'node:path';
import type { LiveBuilder } from '../../../store/live.ts';
import { type Resident, runtimeOf } from '../runtimes/index.ts';
import type { Workspace } from '../snapshots/driver.ts';

export interface LiveWorkspace extends Workspace {
  /** The container's root, below that of the workspace, with a `/` in front; or empty. */
  inner: string;
}

export function residentOf({ resident }: LiveBuilder): Resident {
  return JSON.parse(resident) as Resident;
}

export function workspaceOf({ workspace }: LiveBuilder): LiveWorkspace {
  return JSON.parse(workspace) as LiveWorkspace;
}

/** Where the folder of a live builder's run is shown without the mounts in it. */
export const bareFolder = 'bare';

/** Its workspace, for the driver: an overlay may hide its own folders. Undefined when it lives no more. */
export function filesOf(live: LiveBuilder): Workspace | undefined {
  const { dir, root } = workspaceOf(live);
  if (root === join(dir, 'fs')) return { dir, root };
  const pid = runtimeOf(residentOf(live));
  const bare = join(dirname(dir), bareFolder, basename(dir));
  return pid === undefined ? undefined : { dir: `/proc/${pid}/root${bare}`, root };
}

/** Host path of its files: they are mounted in the namespace of its runtime alone. Undefined when it lives no more. */
export function rootOf(live: LiveBuilder): string | undefined {
  const pid = runtimeOf(residentOf(live));
  return pid === undefined ? undefined : `/proc/${pid}/root${workspaceOf(live).root}`;
}
