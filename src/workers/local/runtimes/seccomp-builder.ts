/**
 * System calls of stages that manage a chroot, beyond those of every run. They have the right to mount (CAP_SYS_ADMIN) and
 * are root for the host too, so what they could reach by a fresh proc, sysfs or cgroup file system, by a mount made
 * writable again, or by a file system's own calls is refused here: a filter sees the registers of a call, and these rules
 * need no more than those. What a stage is shown read-only stays so, and it is shown nothing else of the host.
 *
 * Constants: linux/mount.h, linux/fs.h, linux/fcntl.h of the kernel.
 */
import type { Rule } from './seccomp.ts';

const words = (text: string): string[] => text.trim().split(/\s+/);
const ENOSYS = 38;

const MS_RDONLY = 1;
const MS_REMOUNT = 1 << 5;
const MS_BIND = 1 << 12;
const MS_MOVE = 1 << 13;
/** MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED: whom a mount's changes reach. */
const propagation = [1 << 17, 1 << 18, 1 << 19, 1 << 20];
/** Of the number in the upper half that old programs give, at which the kernel ignores all of that half. */
const MAGIC_BIT = 2 ** 31;
const MNT_FORCE = 1;

/** Namespaces and their names, roots, priorities. */
const allowed =
  words(`unshare setns clone clone3 pivot_root umount sethostname setdomainname mbind get_mempolicy set_mempolicy
  set_mempolicy_home_node`);

/** The mount calls whose arguments lie in memory; without them mount(8) takes mount(2). */
const inMemory = words(`fsopen fspick fsconfig fsmount open_tree open_tree_attr move_mount mount_setattr`);

/** A rule for calls whose argument has, of the bits in `mask`, just those of `value`. */
function allowMasked(name: string, index: number, mask: number, value: number): Rule {
  return {
    names: [name],
    action: 'SCMP_ACT_ALLOW',
    args: [{ index, value: mask, valueTwo: value, op: 'SCMP_CMP_MASKED_EQ' }],
  };
}

/**
 * mount(2) looks at these flags in this order: what is neither a remount, a bind, a change of propagation nor a move makes
 * a new file system of a kind that is named in memory. A remount is allowed that makes one mount read-only.
 */
const mountRules: readonly Rule[] = [
  [MS_REMOUNT | MS_BIND | MS_RDONLY, MS_REMOUNT | MS_BIND | MS_RDONLY] as const,
  [MS_REMOUNT | MS_BIND, MS_BIND] as const,
  ...propagation.map((flag) => [(MS_REMOUNT | MS_BIND | flag) + MAGIC_BIT, flag] as const),
  [MS_REMOUNT | MS_BIND | MS_MOVE, MS_MOVE] as const,
].map(([mask, value]) => allowMasked('mount', 3, mask, value));

/**
 * The requests of ioctl(2) that are no matter of administration. Most are told by their family, the second lowest byte;
 * those of file systems one by one, for a file system's other calls make, remove and look into what isn't shown.
 */
const requestFamilies = [
  0x54, // terminals, and what every descriptor knows (FIONREAD, FIOCLEX)
  0x89, // sockets
  0x52, // random numbers
  0x4b, // consoles
  0x56, // virtual terminals
  0x4c, // loop devices, which can't be opened
  0x12, // block devices, which can't be opened
];
const requests = [
  0x0002, // FIGETBSZ
  0x7601, // FS_IOC_GETVERSION
  0x6601, // FS_IOC_GETFLAGS
  0x6602, // FS_IOC_SETFLAGS
  0x660b, // FS_IOC_FIEMAP
  0x581f, // FS_IOC_FSGETXATTR
  0x5820, // FS_IOC_FSSETXATTR
  0x9409, // FICLONE
  0x940d, // FICLONERANGE
  0x9436, // FIDEDUPERANGE
];
const requestRules: readonly Rule[] = [
  ...requestFamilies.map((family) => allowMasked('ioctl', 1, 0xff00, family << 8)),
  ...requests.map((request) => allowMasked('ioctl', 1, 0xffff, request)),
];

export const builderRules: readonly Rule[] = [
  { names: allowed, action: 'SCMP_ACT_ALLOW' },
  ...mountRules,
  allowMasked('umount2', 1, MNT_FORCE, 0),
  ...requestRules,
  { names: inMemory, action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
];
