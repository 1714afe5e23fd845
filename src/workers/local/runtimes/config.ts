/** The OCI runtime configuration (config.json of a bundle) of one run. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { capabilitiesOf } from './capabilities.ts';
import { cgroupPath, hasSwapLimit, hierarchies } from './cgroups.ts';
import type { FilterShortcut } from './filters.ts';
import type { OwnCgroups } from './own-cgroups.ts';
import { defaultPids, type Limits, type RunMount, type RunRequest } from './types.ts';
import type { Identity } from './users.ts';

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** As Docker's own service has it. */
const openFiles = 1_048_576;
const cpuPeriodUs = 100_000;

/** As Docker masks and write-protects them. */
const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export interface ConfigFacts {
  request: RunRequest;
  identity: Identity;
  /** The request's own mounts and those of the network's files. */
  mounts: readonly RunMount[];
  /** Host path of the init, when the command is to run below one. */
  init?: string;
  /** Network namespace to join, for `nat`. */
  netns?: string;
  /** Made already; else the runtime makes them. */
  cgroups?: OwnCgroups;
  seccomp: object | undefined;
  shortcut: FilterShortcut;
}

/** A process that may not raise limits passes its own on. */
function openFilesLimit(): object {
  const own = readFileSync('/proc/self/limits', 'utf8').match(/^Max open files +\S+ +(\d+)/m)?.[1];
  const limit = Math.min(openFiles, own === undefined ? openFiles : Number(own));
  return { type: 'RLIMIT_NOFILE', hard: limit, soft: limit };
}

/** The whole document, ready to be written as JSON. */
export function ociConfig(facts: ConfigFacts): object {
  const { request, identity, mounts, init, netns, cgroups, seccomp, shortcut } = facts;
  const { stdio } = request;
  const terminal = stdio !== 'pipe' && stdio.terminal;
  return {
    ociVersion: '1.0.2',
    process: {
      terminal,
      ...(terminal && consoleSize()),
      user: { uid: identity.uid, gid: identity.gid, additionalGids: identity.additionalGids },
      args: init === undefined ? request.argv : [initTarget, '--', ...request.argv],
      env: Object.entries({ PATH: defaultPath, HOME: identity.home, ...request.env }).map(
        ([k, v]) => `${k}=${v}`,
      ),
      cwd: request.cwd === '' ? '/' : request.cwd,
      capabilities: capabilitiesOf(request, identity.uid === 0),
      rlimits: rlimitsOf(request),
      noNewPrivileges: request.noNewPrivileges,
    },
    root: { path: request.rootfs, readonly: request.readonlyRoot ?? false },
    hostname: request.hostname,
    mounts: [
      ...systemMountsOf(request),
      ...cgroupMounts(cgroups),
      ...initMount(init),
      ...mounts.map(ociMount),
    ],
    ...shortcut,
    linux: {
      namespaces: namespaces(request.network, netns),
      ...(cgroups === undefined && {
        cgroupsPath: cgroupPath(request.id),
        // All devices are refused, save the default ones that a runtime adds; mknod of any is allowed.
        resources: { devices: [{ allow: false, access: 'rwm' }], ...limitsOf(request.limits) },
      }),
      seccomp,
      maskedPaths,
      readonlyPaths,
    },
  };
}

/** A runtime tells the terminal's size when the command runs already: too late for one that asks at once. */
function consoleSize(): object {
  const { rows, columns } = process.stdout;
  return rows === undefined ? {} : { consoleSize: { height: rows, width: columns } };
}

/** The limits that were asked for; that of open files when it wasn't. */
function rlimitsOf({ ulimits = [] }: RunRequest): object[] {
  const asked = ulimits.map(({ name, soft, hard }) => ({ type: `RLIMIT_${name.toUpperCase()}`, soft, hard }));
  return asked.some(({ type }) => type === 'RLIMIT_NOFILE') ? asked : [openFilesLimit(), ...asked];
}

function systemMountsOf({ shmBytes, security }: RunRequest): typeof systemMounts {
  return systemMounts.map((mount) => {
    // A stage that may mount could uncover what is masked below /proc: so nothing of it can be written.
    if (mount.destination === '/proc' && security === 'builder')
      return { ...mount, options: [...mount.options, 'ro'] };
    if (mount.destination !== '/dev/shm' || shmBytes === undefined) return mount;
    const others = mount.options.filter((option) => !option.startsWith('size='));
    return { ...mount, options: [...others, `size=${shmBytes}`] };
  });
}

const systemMounts = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
  },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
];

/** Where the init is shown: /dev is the run's own. */
const initTarget = '/dev/init';

function initMount(init: string | undefined): object[] {
  if (init === undefined) return [];
  return [ociMount({ type: 'bind', source: init, target: initTarget, readonly: true })];
}

const cgroupOptions = ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'];

/** The run's own cgroups, as each version shows them. */
function cgroupMounts(own: OwnCgroups | undefined): typeof systemMounts {
  const destination = '/sys/fs/cgroup';
  const isOld = hierarchies().some(({ version }) => version === 1);
  if (own === undefined || !isOld)
    return [{ destination, type: 'cgroup', source: 'cgroup', options: cgroupOptions }];
  const shown = hierarchies().flatMap(({ mount, version }) =>
    version === 2
      ? []
      : own.folders.filter((folder) => folder.startsWith(`${mount}/`)).map((folder) => ({ mount, folder })),
  );
  return [
    {
      destination,
      type: 'tmpfs',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'mode=755', 'size=4k'],
    },
    ...shown.map(({ mount, folder }) => ({
      destination: `${destination}/${basename(mount)}`,
      type: 'bind',
      source: folder,
      options: ['bind', ...cgroupOptions],
    })),
  ];
}

function ociMount(mount: RunMount): object {
  if (mount.type === 'bind') {
    return {
      destination: mount.target,
      type: 'bind',
      source: mount.source,
      options: ['rbind', 'rprivate', mount.readonly ? 'ro' : 'rw'],
    };
  }
  const size = mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`];
  return {
    destination: mount.target,
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'nodev', 'mode=1777', ...size, ...(mount.options ?? [])],
  };
}

function namespaces(network: RunRequest['network'], netns: string | undefined): object[] {
  const own = ['mount', 'pid', 'ipc', 'uts', 'cgroup'].map((type) => ({ type }));
  if (network === 'none') return [...own, { type: 'network' }];
  if (network === 'nat') return [...own, { type: 'network', path: netns }];
  return own;
}

function limitsOf({ cpus, memoryBytes, pids }: Limits): object {
  return {
    ...(cpus === undefined
      ? {}
      : { cpu: { period: cpuPeriodUs, quota: Math.max(1000, Math.round(cpus * cpuPeriodUs)) } }),
    ...(memoryBytes === undefined
      ? {}
      : // Equal values: no swap beside the memory.
        { memory: { limit: memoryBytes, ...(hasSwapLimit() ? { swap: memoryBytes } : {}) } }),
    // A fork bomb must not take the machine with it.
    pids: { limit: pids === 0 ? -1 : (pids ?? defaultPids) },
  };
}
