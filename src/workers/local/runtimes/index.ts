/** The local worker's way to carry out one run, and what others need of the runtimes. */

import { findRuntime } from './probe.ts';
import { leavesCgroups } from './programs.ts';
import { runWith } from './run.ts';
import { openStarters, type Starters } from './starters.ts';
import type { RunRequest, RunResult } from './types.ts';

export { leftCgroups, removeCgroups } from './cgroups.ts';
export { execIn, liveEnded } from './exec.ts';
export { whileFrozen } from './freeze.ts';
export { makeUsualTargets, prepareMountpoints, removeMountpoints } from './mountpoints.ts';
export { findRuntime, probeRuntimes } from './probe.ts';
export {
  endResident,
  leftRunning,
  type Resident,
  runtimeOf,
  startResident,
  whyNoResidents,
} from './resident.ts';
export type * from './types.ts';

export { openStarters, type Starters };

/** In idle time, or while files are copied: all that can be there before a run is known. */
export async function prepareRun(starters: Starters): Promise<void> {
  const runtime = await findRuntime();
  starters.sealed(runtime);
  starters.prepare({ entersCgroups: leavesCgroups(runtime) });
}

/** Runs a command isolated, as `runWith` says, with the runtime that works on this machine. */
export async function runContainer(request: RunRequest): Promise<RunResult> {
  return runWith(
    await findRuntime({ terminal: request.stdio !== 'pipe' && request.stdio.terminal }),
    request,
  );
}
