/** Checks of the machine itself: Node, rights, kernel, cgroups, disk. */
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { release } from 'node:os';
import { dirname } from 'node:path';
import { UserError } from '../../kit/errors.ts';
import { isOnReadOnlyDisk } from '../../kit/stat.ts';
import { machineBudget, shownAmount } from '../../workers/local/compute/budget.ts';
import { hierarchies } from '../../workers/local/runtimes/cgroups.ts';
import { findProgram } from '../../workers/local/runtimes/programs.ts';
import { formatBytes } from '../text.ts';
import { type Finding, limited, missing, ok } from './finding.ts';

/** Magic number of btrfs in statfs(2). */
const btrfsMagic = 0x9123683e;
const lowOnSpaceBytes = 2 * 2 ** 30;

export function checkNode(): Finding {
  return ok('node', `${process.versions.node} (20.19 or newer is needed)`);
}

export function checkRights(): Finding {
  if (process.getuid?.() === 0) return rightsOfRoot();
  return missing(
    'rights',
    `user ${process.getuid?.()}: steps need mounts and namespaces`,
    'run as root: sudo cambium …',
  );
}

/** CAP_SYS_ADMIN of capability.h: without it nothing is mounted. */
const mayAdminister = 1n << 21n;

/** In a container root may lack rights; in a user namespace it has them over nothing. */
function rightsOfRoot(): Finding {
  const effective = /^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  if ((BigInt(`0x${effective}`) & mayAdminister) === 0n)
    return missing('rights', 'root without the right to mount', 'in a container: docker run --privileged …');
  const isWhole = /^\s*0\s+0\s+4294967295$/m.test(readFileSync('/proc/self/uid_map', 'utf8'));
  if (!isWhole)
    return missing('rights', 'root of a user namespace only', 'run as root of the machine: sudo cambium …');
  return ok('rights', 'root');
}

export function checkOverlay(): Finding {
  const kernel = release();
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  const isLoaded = /\boverlay$/m.test(readFileSync('/proc/filesystems', 'utf8'));
  if (!isLoaded && !existsSync(`/lib/modules/${kernel}/kernel/fs/overlayfs`)) {
    return limited(
      'overlay',
      `the kernel ${kernel} has no overlay file system`,
      'cambium store create --btrfs PATH',
    );
  }
  if (major < 6 || (major === 6 && minor < 5)) {
    return limited('overlay', `kernel ${kernel}: layers are folded; from 6.5 on each is added by itself`);
  }
  return ok('overlay', `kernel ${kernel}, with layers added one by one`);
}

export function checkBtrfs(storeDir: string): Finding {
  if (!findProgram('btrfs') || !findProgram('mkfs.btrfs')) {
    return limited(
      'btrfs',
      'the programs are not installed: no stores on btrfs',
      'apt-get install btrfs-progs',
    );
  }
  const isInUse = statfsSync(existingPart(storeDir)).type === btrfsMagic;
  return ok('btrfs', isInUse ? 'programs installed; the store lies on btrfs' : 'programs installed');
}

export function checkCgroups(): Finding {
  const found = hierarchies();
  const unified = found.find(({ version }) => version === 2);
  const old = found.filter(({ version }) => version === 1);
  if (found.length === 0) {
    return missing('cgroups', 'no cgroup file system is mounted', 'mount -t cgroup2 cgroup2 /sys/fs/cgroup');
  }
  const fixed = found.find(({ mount }) => isOnReadOnlyDisk(mount));
  if (fixed !== undefined) {
    return missing(
      'cgroups',
      `${fixed.mount} can only be read`,
      `mount -o remount,rw ${fixed.mount}; in a container: docker run --privileged …`,
    );
  }
  const controllers = new Set(old.flatMap((hierarchy) => [...hierarchy.controllers]));
  if (unified) for (const name of controllersBelow(unified.mount)) controllers.add(name);
  const version = old.length === 0 ? 'version 2' : unified ? 'versions 1 and 2' : 'version 1';
  const absent = ['cpu', 'memory', 'pids'].filter((name) => !controllers.has(name));
  if (absent.length > 0) {
    return limited('cgroups', `${version}, without ${absent.join(', ')}: those limits of runs can't be set`);
  }
  return ok('cgroups', `${version}, with cpu, memory and pids`);
}

export function checkBudget(): Finding {
  try {
    return ok('budget', `${shownAmount(machineBudget())} for runs that ask for compute`);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return missing('budget', error.message);
  }
}

function controllersBelow(mount: string): string[] {
  try {
    return readFileSync(`${mount}/cgroup.controllers`, 'utf8').trim().split(' ');
  } catch {
    return [];
  }
}

export function checkDisk(storeDir: string): Finding {
  const stats = statfsSync(existingPart(storeDir));
  const free = stats.bavail * stats.bsize;
  const detail = `${formatBytes(free)} free for ${storeDir}`;
  return free < lowOnSpaceBytes ? limited('disk', detail, 'cambium cache prune') : ok('disk', detail);
}

/** The folder, or the nearest one above it that is there. */
function existingPart(path: string): string {
  let part = path;
  while (!existsSync(part)) part = dirname(part);
  return part;
}
