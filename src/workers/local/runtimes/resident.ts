/**
 * A container that outlives the process that made it, and in which one command runs after the other. It has no process of
 * ours beside it: what it is, is written down by its maker; whoever knows that reaches it by the kernel's namespaces.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { outside } from '../../../kit/errors.ts';
import { bindMount } from '../../../kit/system.ts';
import { allMounts, mountTargets } from './all-mounts.ts';
import { cgroupPath, hierarchies } from './cgroups.ts';
import { childrenOf } from './children.ts';
import { ociConfig } from './config.ts';
import { startFailure } from './failures.ts';
import { filterShortcut, rememberFilter } from './filters.ts';
import { idleProgram } from './idle.ts';
import { beginWith, killPair, pidFile, stateOf } from './launch.ts';
import { type LastingMountpoint, makeMountpoints } from './mountpoints.ts';
import { makeCgroups, type OwnCgroups } from './own-cgroups.ts';
import { findRuntime } from './probe.ts';
import { findProgram, leavesCgroups } from './programs.ts';
import { filterOf } from './run.ts';
import { makeLastingStarter } from './starters.ts';
import type { RunRequest } from './types.ts';
import { lookUpUser } from './users.ts';

/** How a resident is reached: plain data. */
export interface Resident {
  id: string;
  /** Folder with its configuration and the runtime's state. */
  bundle: string;
  /** The runtime, as the resident's mounts show it. */
  runtime: string;
  /** The process with whose end all of it ends. Its number holds as long as the lock that it was given is held. */
  pid: number;
  cgroups: OwnCgroups | null;
  /** Where something is mounted in its rootfs that wasn't there. */
  mountpoints: readonly LastingMountpoint[];
}

export type ResidentRequest = Omit<
  RunRequest,
  | 'argv'
  | 'stdio'
  | 'timeoutMs'
  | 'starters'
  | 'isFollowed'
  | 'signal'
  | 'onLaunch'
  | 'onOutput'
  | 'ports'
  | 'init'
> & {
  /** An open file that it holds for as long as it lives. */
  held: number;
};

const patienceMs = 20_000;

/** Why no resident can be made on this machine, in words for people; runc waits for all that a command leaves running. */
export function whyNoResidents(): string | undefined {
  if (idleProgram() === undefined) return `machines of the kind ${process.arch} have no live builders`;
  return findProgram('crun') === undefined ? 'crun is not installed' : undefined;
}

/**
 * Makes one. `note` is called before it begins to live, so that no resident is there of which nothing is known: if this process
 * is killed before, nothing comes of it. Throws `UserError`s.
 */
export async function startResident(
  request: ResidentRequest,
  note: (resident: Resident) => void,
): Promise<Resident> {
  const { id, dir: bundle, rootfs, limits, held } = request;
  const runtime = await findRuntime();
  if (!leavesCgroups(runtime))
    throw outside('no-live-builder', 'Live builders need crun, which does not work on this machine.', {
      hint: '`cambium doctor` says why; without --live the step runs as ever.',
    });
  const identity = lookUpUser(rootfs, request.user);
  const plain: RunRequest = { ...request, argv: [], stdio: 'pipe' };
  const mounts = allMounts(plain);
  const mountpoints = [...mountTargets(rootfs, mounts)].flatMap(([root, targets]) => {
    const made = makeMountpoints(root, targets);
    return root === rootfs ? made : [];
  });
  const cgroups = leavesCgroups(runtime) ? makeCgroups(id, limits, { freezes: true }) : undefined;
  const seccomp = filterOf(request);
  const copy = `${bundle}/filter`;
  const shortcut =
    seccomp && cgroups ? filterShortcut(runtime, seccomp, { state: stateOf(bundle, id), copy }) : {};
  const init = `${bundle}/idle`;
  writeFileSync(init, idleProgram() ?? '', { mode: 0o755 });
  const config = ociConfig({
    ...{ request: plain, identity, mounts, init, seccomp, shortcut },
    ...(cgroups && { cgroups }),
  });
  writeFileSync(`${bundle}/config.json`, JSON.stringify(config), { mode: 0o600 });
  // The program itself can't be written to from inside.
  const sealed = `${bundle}/runtime`;
  writeFileSync(sealed, '');
  bindMount(runtime, sealed, { readonly: true });

  const starter = makeLastingStarter(bundle, held, cgroups?.hidden);
  const { child } = starter;
  const resident: Resident = {
    ...{ id, bundle, runtime: sealed, pid: child.pid ?? 0, cgroups: cgroups ?? null, mountpoints },
  };
  note(resident);
  beginWith(starter, { runtime: sealed, bundle, id, ...(cgroups && { cgroups }) });
  await hasBegun(resident, () => child.exitCode === null && child.signalCode === null);
  if (seccomp && cgroups) rememberFilter(runtime, seccomp, copy);
  (child.stdio[3] as Duplex).destroy();
  child.unref();
  return resident;
}

async function hasBegun({ bundle, pid }: Resident, isUp: () => boolean): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!existsSync(pidFile(bundle))) {
    if (isUp() && Date.now() < deadline) {
      await sleep(1);
      continue;
    }
    if (isUp()) await killPair(pid);
    const failure = startFailure(bundle, [], '');
    if (failure?.kind === 'broken') throw failure.error;
    throw outside('runtime-failed', 'The container of a live builder could not be started.', {
      hint: '`cambium doctor` says what this machine lacks; without --live the step runs as ever.',
    });
  }
}

/** Number of the runtime's own process, in whose namespaces the container is known. */
export function runtimeOf({ pid }: Resident): number | undefined {
  return childrenOf(pid)[0];
}

/** Ends all of its processes, and waits until they are gone. */
export async function endResident({ pid }: Resident): Promise<void> {
  await killPair(pid);
}

/** Numbers of the processes that commands left running in it. */
export function leftRunning(resident: Resident): number[] {
  const runtime = runtimeOf(resident) ?? 0;
  const own = [runtime, ...childrenOf(runtime)];
  for (const { mount } of hierarchies()) {
    const file = `${mount}${cgroupPath(resident.id)}/cgroup.procs`;
    if (!existsSync(file)) continue;
    const all = readFileSync(file, 'latin1').split('\n').filter(Boolean).map(Number);
    return all.filter((pid) => !own.includes(pid));
  }
  return [];
}

/** Folder for the files of one command in it. */
export function makeExecFolder({ bundle }: Resident, name: string): string {
  const folder = `${bundle}/${name}`;
  mkdirSync(folder, { recursive: true });
  return folder;
}
