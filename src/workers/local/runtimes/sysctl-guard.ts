/**
 * Keeps a run from writing /proc/sys, also through a proc file system that it mounts by itself: a stage that
 * manages a chroot must be able to mount one, and the kernel's settings in it are those of the host. A program
 * of six BPF instructions on the run's cgroup (Linux 5.2 and newer) lets reads through and refuses writes.
 */
import { closeSync } from 'node:fs';
import { checked, native } from '../../../kit/native.ts';
import { openFolder } from '../../../kit/system.ts';

const syscall = native('long syscall(long number, ...)');
/** Gives back its first argument: the address of a buffer's bytes, which bpf(2) wants inside of a structure. */
const addressOf = native('uintptr_t memcpy(void *to, const void *from, size_t size)');

const bpfNumbers: Partial<Record<string, number>> = { x64: 321, arm64: 280, riscv64: 280 };
const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_TYPE_CGROUP_SYSCTL = 23;
const BPF_CGROUP_SYSCTL = 18;

/** Instructions of linux/bpf.h: opcode, registers, jump offset, immediate. */
const program = [
  [0x61, 0x10, 0, 0], // r0 = context.write
  [0x15, 0x00, 2, 0], // if r0 == 0 go to "allow"
  [0xb7, 0x00, 0, 0], // r0 = 0: refuse
  [0x95, 0x00, 0, 0], // exit
  [0xb7, 0x00, 0, 1], // allow: r0 = 1
  [0x95, 0x00, 0, 0], // exit
] as const;

/** Puts the guard on a cgroup of the unified hierarchy; it goes with the cgroup. Throws where the kernel can't. */
export function guardSysctls(cgroupFolder: string): void {
  const instructions = Buffer.alloc(program.length * 8);
  for (const [index, [opcode, registers, offset, immediate]] of program.entries()) {
    instructions.writeUInt8(opcode, index * 8);
    instructions.writeUInt8(registers, index * 8 + 1);
    instructions.writeInt16LE(offset, index * 8 + 2);
    instructions.writeInt32LE(immediate, index * 8 + 4);
  }
  const license = Buffer.from('Apache-2.0\0');
  const load = Buffer.alloc(72);
  load.writeUInt32LE(BPF_PROG_TYPE_CGROUP_SYSCTL, 0);
  load.writeUInt32LE(program.length, 4);
  load.writeBigUInt64LE(BigInt(addressOf(instructions, instructions, 0)), 8);
  load.writeBigUInt64LE(BigInt(addressOf(license, license, 0)), 16);
  load.writeUInt32LE(BPF_CGROUP_SYSCTL, 68);
  const programFd = bpf(BPF_PROG_LOAD, load);
  const cgroupFd = openFolder(cgroupFolder);
  try {
    const attach = Buffer.alloc(16);
    attach.writeUInt32LE(cgroupFd, 0);
    attach.writeUInt32LE(programFd, 4);
    attach.writeUInt32LE(BPF_CGROUP_SYSCTL, 8);
    bpf(BPF_PROG_ATTACH, attach);
  } finally {
    closeSync(programFd);
    closeSync(cgroupFd);
  }
}

function bpf(command: number, attributes: Buffer): number {
  const number = bpfNumbers[process.arch];
  if (number === undefined) throw new Error(`bpf(2) is not known for ${process.arch}`);
  const result = syscall(number, 'int', command, 'void *', attributes, 'unsigned int', attributes.length);
  return checked(Number(result), 'bpf');
}
