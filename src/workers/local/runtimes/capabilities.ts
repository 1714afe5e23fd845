/** Which Linux capabilities a run holds. */
import { readFileSync } from 'node:fs';
import type { RunRequest } from './types.ts';

/** Docker's default set for containers. */
const dockerDefault: readonly string[] = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
];

/**
 * Stages that manage a chroot mount, unshare, lock memory and set file flags. Left out on purpose: all that
 * changes the host itself (modules, clock, raw I/O, boot, BPF, network of the host) and CAP_DAC_READ_SEARCH,
 * with which open_by_handle_at(2) opens any file of the file system below the snapshot.
 */
const forBuilders: readonly string[] = [
  ...dockerDefault,
  'CAP_IPC_LOCK',
  'CAP_LEASE',
  'CAP_LINUX_IMMUTABLE',
  'CAP_SYS_ADMIN',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
];

/** What a command may be given one by one, beside the usual ones. */
export const capabilities = {
  usual: dockerDefault,
  /** They reach no further than its own processes and its share of the machine. */
  harmless: ['CAP_IPC_LOCK', 'CAP_SYS_NICE', 'CAP_SYS_PTRACE'],
  /** They change the network that it is in. */
  ofNetwork: ['CAP_NET_ADMIN', 'CAP_NET_BROADCAST'],
} satisfies Record<string, readonly string[]>;

/** The `capabilities` object of an OCI process; a process that isn't root keeps only the bounding set, as in Docker. */
export function capabilitiesOf(
  request: Pick<RunRequest, 'security' | 'network' | 'capabilities'>,
  isRoot: boolean,
): Record<string, readonly string[]> {
  const bounding = wantedBy(request).filter(isHeld());
  return isRoot ? { bounding, effective: bounding, permitted: bounding } : { bounding };
}

function wantedBy({ security, network, capabilities: asked }: Parameters<typeof capabilitiesOf>[0]) {
  if (security === 'default') return asked ?? dockerDefault;
  // On the host's network it would read all that this machine sends.
  return network === 'host' ? forBuilders.filter((name) => name !== 'CAP_NET_RAW') : forBuilders;
}

/** Numbers of linux/capability.h for the sets above. */
const numbers: Readonly<Record<string, number>> = {
  CAP_CHOWN: 0,
  CAP_DAC_OVERRIDE: 1,
  CAP_FOWNER: 3,
  CAP_FSETID: 4,
  CAP_KILL: 5,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_SETPCAP: 8,
  CAP_LINUX_IMMUTABLE: 9,
  CAP_NET_BIND_SERVICE: 10,
  CAP_NET_BROADCAST: 11,
  CAP_NET_ADMIN: 12,
  CAP_NET_RAW: 13,
  CAP_IPC_LOCK: 14,
  CAP_SYS_CHROOT: 18,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_NICE: 23,
  CAP_SYS_RESOURCE: 24,
  CAP_MKNOD: 27,
  CAP_LEASE: 28,
  CAP_AUDIT_WRITE: 29,
  CAP_SETFCAP: 31,
};

/** What this process can't pass on (we may be in a container ourselves) would make the runtime fail. */
function isHeld(): (name: string) => boolean {
  const bounding = readFileSync('/proc/self/status', 'utf8').match(/^CapBnd:\s*([0-9a-f]+)/m)?.[1];
  const bits = BigInt(`0x${bounding ?? 'ffffffffffffffff'}`);
  return (name) => ((bits >> BigInt(numbers[name] ?? 63)) & 1n) === 1n;
}
