/**
 * Cgroups of runs. Each run has `/cambium/ID` below the root of every hierarchy that is mounted (version 1 has
 * several, version 2 one, a hybrid machine both). We read what the run used, and remove them; who makes them depends on the
 * runtime (`own-cgroups.ts`).
 */
import { existsSync, readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf } from '../../../kit/errors.ts';
import type { RunUsage } from './types.ts';

export const parentName = 'cambium';

export interface Hierarchy {
  mount: string;
  version: 1 | 2;
  /** Version 1: the controllers of this hierarchy (`memory`, `name=systemd`). */
  controllers: readonly string[];
}

/** Where cgroup hierarchies are mounted, as /proc/self/mounts lists them. */
export function parseHierarchies(mounts: string): Hierarchy[] {
  const found = new Map<string, Hierarchy>();
  for (const line of mounts.split('\n')) {
    const [, mount = '', type, options = ''] = line.split(' ');
    if (type === 'cgroup2') found.set(mount, { mount, version: 2, controllers: [] });
    if (type === 'cgroup') found.set(mount, { mount, version: 1, controllers: options.split(',') });
  }
  return [...found.values()];
}

let known: Hierarchy[] | undefined;

export function hierarchies(): readonly Hierarchy[] {
  known ??= parseHierarchies(readFileSync('/proc/self/mounts', 'utf8'));
  return known;
}

/** What an OCI configuration names: a path from each hierarchy's root, not from this process's own cgroup. */
export function cgroupPath(id: string): string {
  return `/${parentName}/${id}`;
}

/** Whether memory must be limited together with swap, and can be. */
export function hasSwapLimit(): boolean {
  // One line is the heading.
  if ((read('/proc/swaps') ?? '').trim().split('\n').length < 2) return false;
  const memory = hierarchyOf('memory');
  return memory === undefined || read(`${memory.mount}/memory.memsw.limit_in_bytes`) !== undefined;
}

function hierarchyOf(controller: string): Hierarchy | undefined {
  return hierarchies().find(({ controllers }) => controllers.includes(controller));
}

export interface CgroupUsage extends Omit<RunUsage, 'wallMs'> {
  /** Processes that the kernel killed because the cgroup's memory was full. */
  oomKills: number;
}

/** What the run `id` used so far; call it before `removeCgroup`. What the kernel doesn't tell is left out. */
export function readUsage(id: string): CgroupUsage {
  const usage: CgroupUsage = { oomKills: 0 };
  for (const { mount, version, controllers } of hierarchies()) {
    const file = (name: string) => read(`${mount}${cgroupPath(id)}/${name}`);
    const take = (field: Exclude<keyof CgroupUsage, 'oomKills'>, value: number | undefined) => {
      if (value !== undefined) usage[field] = value;
    };
    if (version === 2 || controllers.includes('pids')) {
      take('refusedPids', field(file('pids.events'), 'max') || undefined);
    }
    if (version === 2) {
      const micros = field(file('cpu.stat'), 'usage_usec');
      take('cpuMs', micros === undefined ? undefined : Math.round(micros / 1e3));
      take('peakMemoryBytes', numeric(file('memory.peak')));
      usage.oomKills += field(file('memory.events'), 'oom_kill') ?? 0;
      take('readBytes', sum(file('io.stat'), /\brbytes=(\d+)/g));
      take('writtenBytes', sum(file('io.stat'), /\bwbytes=(\d+)/g));
    } else if (controllers.includes('memory')) {
      take('peakMemoryBytes', numeric(file('memory.max_usage_in_bytes')));
      usage.oomKills += field(file('memory.oom_control'), 'oom_kill') ?? 0;
    }
    if (controllers.includes('cpuacct')) {
      const nanos = numeric(file('cpuacct.usage'));
      take('cpuMs', nanos === undefined ? undefined : Math.round(nanos / 1e6));
    }
    if (controllers.includes('blkio')) {
      // Some kernels count nothing here, and list no device then: that is not known, and not 0.
      const bytes = file('blkio.throttle.io_service_bytes')
        ?.match(/^\S+ (Read|Write) \d+$/gm)
        ?.join('\n');
      take('readBytes', sum(bytes, /^\S+ Read (\d+)$/gm));
      take('writtenBytes', sum(bytes, /^\S+ Write (\d+)$/gm));
    }
  }
  return usage;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function numeric(text: string | undefined): number | undefined {
  const value = Number.parseInt(text ?? '', 10);
  return Number.isNaN(value) ? undefined : value;
}

/** A value of a flat keyed file, such as memory.events. */
function field(text: string | undefined, name: string): number | undefined {
  return numeric(text?.match(new RegExp(`^${name} (\\d+)$`, 'm'))?.[1]);
}

/** The numbers that the pattern finds, one a device, together. */
function sum(text: string | undefined, pattern: RegExp): number | undefined {
  if (text === undefined) return undefined;
  return [...text.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);
}

/** Removes the cgroups of one run, killing what is still in them. */
export async function removeCgroup(id: string): Promise<void> {
  await removeCgroupFolders(hierarchies().map(({ mount }) => mount + cgroupPath(id)));
}

/** The same for a run of which it is known in which hierarchies it has one. */
export async function removeCgroupFolders(folders: readonly string[]): Promise<void> {
  for (const folder of folders) for (const _ of removal(folder)) await sleep(retryMs);
}

/** As `removeCgroupFolders`, where nobody can wait for a promise. */
export function removeCgroupFoldersNow(folders: readonly string[]): void {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (const folder of folders) for (const _ of removal(folder)) Atomics.wait(clock, 0, 0, retryMs);
}

/**
 * Removes the cgroups of all runs whose id begins with `idPrefix`, killing what is still in them: for the sweeper, after
 * a process was killed. Returns the ids that were found.
 */
export async function removeCgroups(idPrefix: string): Promise<string[]> {
  const ids = new Set<string>();
  for (const { mount } of hierarchies()) {
    for (const name of foldersOf(`${mount}/${parentName}`)) {
      if (name.startsWith(idPrefix)) ids.add(name);
    }
  }
  for (const id of ids) await removeCgroup(id);
  return [...ids].sort();
}

/** A run that is about to begin has an empty cgroup too. */
const leftAfterMs = 60_000;

/**
 * Ids of runs, of whichever store, whose cgroups are empty and have been there for a while: left by a process that was
 * killed and whose store is gone.
 */
export function leftCgroups(): string[] {
  const left = new Set<string>();
  const live = new Set<string>();
  for (const { mount } of hierarchies()) {
    for (const name of foldersOf(`${mount}/${parentName}`)) {
      const folder = `${mount}/${parentName}/${name}`;
      const isYoung = Date.now() - (statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0) < leftAfterMs;
      const groups = [folder, ...foldersOf(folder).map((child) => `${folder}/${child}`)];
      const isEmpty = groups.every((group) => (read(`${group}/cgroup.procs`) ?? '').trim() === '');
      (isEmpty && !isYoung ? left : live).add(name);
    }
  }
  return [...left].filter((name) => !live.has(name)).sort();
}

/** A cgroup of a process that just ended may be busy for a moment. */
const patienceMs = 2000;
const retryMs = 2;

/** Kills what is in a cgroup and removes it; comes back whenever the kernel needs a moment. */
function* removal(folder: string): Generator<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      rmdirSync(folder);
      return;
    } catch (error) {
      const code = errnoOf(error);
      // What can only be read says so before it looks for the name.
      if (code === 'ENOENT' || (code === 'EROFS' && !existsSync(folder))) return;
      if (Date.now() > deadline || (code !== 'EBUSY' && code !== 'ENOTEMPTY')) throw error;
    }
    for (const name of foldersOf(folder)) yield* removal(`${folder}/${name}`);
    for (const pid of (read(`${folder}/cgroup.procs`) ?? '').split('\n')) kill(Number(pid));
    yield;
  }
}

function kill(pid: number): void {
  if (!(pid > 1)) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // already gone
  }
}

function foldersOf(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}
