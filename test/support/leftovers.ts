/** Counts what a run may leave on the machine: mounts, cgroups, processes, network namespaces. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../src/store/store.ts';

export interface Leftovers {
  mounts: string[];
  cgroups: string[];
  processes: string[];
  runs: string[];
}

/** What is there now that belongs to the store in `dir`, or to any of our containers. */
export function leftovers(dir: string): Leftovers {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`${dir}/`));
  const cgroups = thatStayEmpty(
    readdirSync('/sys/fs/cgroup')
      .flatMap((name) => [`/sys/fs/cgroup/${name}/cambium`])
      .concat('/sys/fs/cgroup/cambium')
      .flatMap((folder) => foldersIn(folder).map((name) => join(folder, name))),
  );
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const command = commandOf(pid);
      return command.includes(dir) && !command.includes('vitest') && Number(pid) !== process.pid
        ? [`${pid} ${command}`]
        : [];
    });
  return { mounts, cgroups, processes, runs: foldersIn(join(dir, 'run')) };
}

const clock = new Int32Array(new SharedArrayBuffer(4));

/** Those with nothing at work: what is, or is about to begin, belongs to another test. */
function thatStayEmpty(cgroups: readonly string[]): string[] {
  const isEmpty = (cgroup: string) =>
    existsSync(cgroup) &&
    groupsIn(cgroup).every((group) => readIfAny(join(group, 'cgroup.procs')).trim() === '');
  let left = cgroups.filter(isEmpty);
  for (let tries = 0; tries < 50 && left.length > 0; tries++) {
    Atomics.wait(clock, 0, 0, 20);
    left = left.filter(isEmpty);
  }
  return left;
}

function groupsIn(folder: string): string[] {
  return [folder, ...foldersIn(folder).flatMap((name) => groupsIn(join(folder, name)))];
}

function readIfAny(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** Folders below snapshots/ that no row names, and rows whose folders are gone. */
export function inconsistencies(store: string): string[] {
  const opened = openStore(store);
  const rows = opened.db.prepare('SELECT folders FROM snapshots').all() as { folders: string }[];
  const leases = opened.db.prepare('SELECT count(*) AS count FROM leases').get() as { count: number };
  opened.close();
  const named = new Set(rows.flatMap((row) => JSON.parse(row.folders) as string[]));
  const there = new Set(readdirSync(join(store, 'snapshots')));
  return [
    ...[...named].filter((name) => !there.has(name)).map((name) => `row without folder ${name}`),
    ...[...there].filter((name) => !named.has(name)).map((name) => `folder without row ${name}`),
    ...(leases.count > 0 ? [`${leases.count} leases`] : []),
  ];
}

/** What `doctor --repair` found in a store, from its output: cgroups are the machine's, where other tests kill processes. */
export function findingsIn(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => /^(not )?mended /.test(line) && !/^mended +a cgroup /.test(line));
}
