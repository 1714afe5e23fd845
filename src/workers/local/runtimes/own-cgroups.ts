/**
 * Cgroups of runs whose runtime leaves them alone: made here, with the limits, before the runtime starts; it enters them and
 * all that it starts is in them. Cheaper than a runtime's own way, which makes one in every hierarchy.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { errnoOf, outside } from '../../../kit/errors.ts';
import { isOnReadOnlyDisk } from '../../../kit/stat.ts';
import { cgroupPath, type Hierarchy, hasSwapLimit, hierarchies, parentName } from './cgroups.ts';
import { deviceRules, guardDevices } from './device-guard.ts';
import { defaultPids, type Limits } from './types.ts';

/** The controllers that limit or measure a run. */
const wanted = ['memory', 'cpu', 'cpuacct', 'pids', 'devices', 'io'];
const cpuPeriodUs = 100_000;
/** The runtime waits beside what it started. */
const runtimeProcesses = 1;

export interface OwnCgroups {
  /** Names them: of the run, or of the starter that was in them before it. */
  id: string;
  /** Folders of the run, one for each hierarchy that counts. */
  folders: readonly string[];
  /** Where both versions are mounted, the runtime can't cope with the second one and must not see it. */
  hidden: string | undefined;
}

/** Makes the cgroups of the run `id`; `removeCgroup` takes them away. Throws a `UserError` for a limit that can't be set. */
export function makeCgroups(id: string, limits: Limits, { freezes = false } = {}): OwnCgroups {
  const { cgroups, counting } = makeFolders(id, limits, freezes);
  limit(id, counting, limits);
  confineDevices(id, counting);
  return cgroups;
}

/** Those of a run of which nothing is known yet, for a starter to wait in; `makeCgroups` makes them what the run needs. */
export function makeUsualCgroups(id: string): OwnCgroups {
  return makeFolders(id, {}, false).cgroups;
}

function makeFolders(
  id: string,
  limits: Limits,
  freezes: boolean,
): { cgroups: OwnCgroups; counting: Hierarchy[] } {
  const { counting, unified, hidden } = countingFor(limits, freezes);
  if (unified !== undefined) delegate(unified.mount);
  const folders = counting.map(({ mount }) => mount + cgroupPath(id));
  for (const { mount } of counting) makeCgroup(mount, cgroupPath(id));
  return { cgroups: { id, folders, hidden }, counting };
}

function countingFor(
  limits: Limits,
  freezes: boolean,
): { counting: Hierarchy[]; unified: Hierarchy | undefined; hidden: string | undefined } {
  const all = hierarchies();
  const unified = all.find(({ version }) => version === 2);
  // Version 2 freezes by itself.
  const freezer = freezes && unified === undefined ? ['freezer'] : [];
  const names = [...(unified === undefined ? wanted : wantedBeside(limits)), ...freezer];
  const counting = all.filter(({ version, controllers, mount }) => {
    return version === 2 || controllers.some((name) => names.includes(name) || isCountingIo(name, mount));
  });
  return { counting, unified, hidden: counting.length > 1 ? unified?.mount : undefined };
}

function makeCgroup(mount: string, path: string): void {
  try {
    mkdirSync(mount + path, { recursive: true });
  } catch (error) {
    if (!isOnReadOnlyDisk(mount)) throw error;
    throw outside('no-cgroups', `Cgroups can only be read, not made: ${mount}.`, {
      hint: 'In a container, they take `docker run --privileged`; `cambium doctor` says more.',
      cause: error,
    });
  }
}

/**
 * Those of version 1 that count where version 2 is mounted too, which tells the processor's time and confines devices. Each
 * one costs: to make it, to enter it, to show it inside.
 */
function wantedBeside({ cpus }: Limits): string[] {
  return ['memory', 'pids', ...(cpus === undefined ? [] : ['cpu'])];
}

let countsIo: boolean | undefined;

/** On kernels that count nothing in version 1 the root has no line of a device either: a cgroup there would tell nothing. */
function isCountingIo(controller: string, mount: string): boolean {
  if (controller !== 'blkio') return false;
  countsIo ??= read(`${mount}/blkio.throttle.io_service_bytes`).includes('Read');
  return countsIo;
}

let isDelegated = false;

/** Makes the controllers of version 2 count below our own folder. */
function delegate(mount: string): void {
  if (isDelegated) return;
  makeCgroup(mount, `/${parentName}`);
  const available = read(`${mount}/cgroup.controllers`);
  for (const folder of [mount, `${mount}/${parentName}`]) {
    const enabled = read(`${folder}/cgroup.subtree_control`);
    for (const name of wanted.filter((one) => available.includes(one) && !enabled.includes(one))) {
      try {
        writeFileSync(`${folder}/cgroup.subtree_control`, `+${name}`);
      } catch {
        // Only who asks for its limit needs it, and is told.
      }
    }
  }
  isDelegated = true;
}

function read(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').trim().split(/\s+/);
  } catch {
    return [];
  }
}

function limit(id: string, counting: readonly Hierarchy[], { cpus, memoryBytes, pids }: Limits): void {
  const set = (controller: string, files: Record<1 | 2, Record<string, string | number>>) => {
    const hierarchy =
      counting.find(({ controllers }) => controllers.includes(controller)) ??
      counting.find(({ version }) => version === 2);
    if (hierarchy === undefined) throw cannotLimit(controller);
    const folder = hierarchy.mount + cgroupPath(id);
    for (const [name, value] of Object.entries(files[hierarchy.version])) {
      try {
        // Not created: a controller that isn't there has no file.
        writeFileSync(`${folder}/${name}`, String(value), { flag: 'r+' });
      } catch (error) {
        throw cannotLimit(controller, error);
      }
    }
  };
  if (cpus !== undefined) {
    const quota = Math.max(1000, Math.round(cpus * cpuPeriodUs));
    const old = { 'cpu.cfs_period_us': cpuPeriodUs, 'cpu.cfs_quota_us': quota };
    set('cpu', { 1: old, 2: { 'cpu.max': `${quota} ${cpuPeriodUs}` } });
  }
  if (memoryBytes !== undefined) {
    // No swap beside the memory; version 1 limits both together.
    const swaps = hasSwapLimit();
    set('memory', {
      1: {
        'memory.limit_in_bytes': memoryBytes,
        ...(swaps && { 'memory.memsw.limit_in_bytes': memoryBytes }),
      },
      2: { 'memory.max': memoryBytes, ...(swaps && { 'memory.swap.max': 0 }) },
    });
  }
  // A fork bomb must not take the machine with it.
  const most = pids === 0 ? 'max' : (pids ?? defaultPids) + runtimeProcesses;
  try {
    set('pids', { 1: { 'pids.max': most }, 2: { 'pids.max': most } });
  } catch (error) {
    if (pids !== undefined) throw error;
  }
}

function cannotLimit(controller: string, cause?: unknown): Error {
  const why = errnoOf(cause) === undefined ? '' : ` (${errnoOf(cause)})`;
  return outside('no-limit', `The limit of ${controller} can't be set on this machine${why}.`, {
    hint: `Build without that limit; \`cambium doctor\` says which cgroup controllers are there.`,
    cause,
  });
}

/** All devices are refused, save the default ones; mknod of any is allowed. */
function confineDevices(id: string, counting: readonly Hierarchy[]): void {
  const unified = counting.find(({ version }) => version === 2);
  if (unified !== undefined) {
    guardDevices(unified.mount + cgroupPath(id));
    return;
  }
  const devices = counting.find(({ controllers }) => controllers.includes('devices'));
  if (devices === undefined) {
    throw outside(
      'no-cgroups',
      'No cgroups are mounted that keep a command from the devices of this machine.',
      {
        hint: 'Mount them: mount -t cgroup2 cgroup2 /sys/fs/cgroup',
      },
    );
  }
  const folder = devices.mount + cgroupPath(id);
  writeFileSync(`${folder}/devices.deny`, 'a');
  for (const rule of ['c *:* m', 'b *:* m', ...deviceRules()]) {
    writeFileSync(`${folder}/devices.allow`, rule);
  }
}
