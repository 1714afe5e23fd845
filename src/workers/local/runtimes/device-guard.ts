/**
 * The devices that a run may open, as a BPF program on its cgroup of the unified hierarchy (Linux 4.15 and newer), and as
 * the lines that say the same in the `devices` hierarchy of version 1.
 */
import { closeSync } from 'node:fs';
import { checked, lastErrno, native } from '../../../kit/native.ts';
import { openFolder } from '../../../kit/system.ts';

const syscall = native('long syscall(long number, ...)');
/** Gives back its first argument: the address of a buffer's bytes, which bpf(2) wants inside of a structure. */
const addressOf = native('uintptr_t memcpy(void *to, const void *from, size_t size)');

const bpfNumbers: Partial<Record<string, number>> = { x64: 321, arm64: 280, riscv64: 280 };
const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_F_ALLOW_MULTI = 2;
/** A program's type, and where on a cgroup it goes. */
interface Hook {
  programType: number;
  attachType: number;
}
const deviceHook: Hook = { programType: 15, attachType: 6 };

/** An instruction of linux/bpf.h: opcode, registers (source above destination), jump offset, immediate. */
type Instruction = readonly [opcode: number, registers: number, offset: number, immediate: number];

const refuse: readonly Instruction[] = [
  [0xb7, 0x00, 0, 0], // r0 = 0
  [0x95, 0x00, 0, 0], // exit
];
const allow: readonly Instruction[] = [
  [0xb7, 0x00, 0, 1], // r0 = 1
  [0x95, 0x00, 0, 0], // exit
];

/** Character devices that runtimes give to every container, as major and minor; no minor: all of them. */
const commonDevices: readonly (readonly [major: number, minor?: number])[] = [
  [1, 3], // null
  [1, 5], // zero
  [1, 7], // full
  [1, 8], // random
  [1, 9], // urandom
  [5, 0], // tty
  [5, 2], // ptmx
  [10, 200], // net/tun
  [136], // pts/*
];

const deviceProgram: readonly Instruction[] = [
  [0x61, 0x12, 0, 0], // r2 = context.access_type: the kind of device, and the access in the upper half
  [0xbf, 0x23, 0, 0], // r3 = r2
  [0x77, 0x03, 0, 16], // r3 >>= 16
  [0x57, 0x03, 0, 6], // r3 &= read | write
  [0x55, 0x03, allow.length, 0], // nothing of these is mknod: allowed
  ...allow,
  [0x57, 0x02, 0, 0xffff], // r2 &= kind
  [0x15, 0x02, refuse.length, 2], // a character device: go on
  ...refuse,
  [0x61, 0x14, 4, 0], // r4 = context.major
  [0x61, 0x15, 8, 0], // r5 = context.minor
  ...commonDevices.flatMap(([major, minor]): Instruction[] => {
    const ifMinor: Instruction[] = minor === undefined ? [] : [[0x55, 0x05, allow.length, minor]];
    return [[0x55, 0x04, ifMinor.length + allow.length, major], ...ifMinor, ...allow];
  }),
  ...refuse,
];

/** The same devices as lines of `devices.allow` of cgroup version 1. */
export function deviceRules(): string[] {
  return commonDevices.map(([major, minor]) => `c ${major}:${minor ?? '*'} rwm`);
}

/** Puts the guard on a cgroup of the unified hierarchy; it goes with the cgroup. Throws where the kernel can't. */
export function guardDevices(cgroupFolder: string): void {
  attach(cgroupFolder, deviceProgram, deviceHook);
}

function attach(cgroupFolder: string, program: readonly Instruction[], hook: Hook): void {
  const programFd = loaded.get(program) ?? load(program, hook);
  loaded.set(program, programFd);
  const cgroupFd = openFolder(cgroupFolder);
  try {
    const request = Buffer.alloc(16);
    request.writeUInt32LE(cgroupFd, 0);
    request.writeUInt32LE(programFd, 4);
    request.writeUInt32LE(hook.attachType, 8);
    request.writeUInt32LE(BPF_F_ALLOW_MULTI, 12);
    checked(bpf(BPF_PROG_ATTACH, request), 'bpf');
  } finally {
    closeSync(cgroupFd);
  }
}

/** Descriptors of the programs that this process has loaded. */
const loaded = new Map<readonly Instruction[], number>();
/** As often as the kernel's own library tries. */
const mostTries = 5;

/** Gives a program to the kernel; returns its descriptor. */
function load(program: readonly Instruction[], { programType, attachType }: Hook): number {
  const instructions = Buffer.alloc(program.length * 8);
  for (const [index, [opcode, registers, offset, immediate]] of program.entries()) {
    instructions.writeUInt8(opcode, index * 8);
    instructions.writeUInt8(registers, index * 8 + 1);
    instructions.writeInt16LE(offset, index * 8 + 2);
    instructions.writeInt32LE(immediate, index * 8 + 4);
  }
  const license = Buffer.from('Apache-2.0\0');
  const request = Buffer.alloc(72);
  request.writeUInt32LE(programType, 0);
  request.writeUInt32LE(program.length, 4);
  request.writeBigUInt64LE(BigInt(addressOf(instructions, instructions, 0)), 8);
  request.writeBigUInt64LE(BigInt(addressOf(license, license, 0)), 16);
  request.writeUInt32LE(attachType, 68);
  // A signal that is pending, such as that of a child's end, stops the kernel's check of the program.
  for (let tries = 1; ; tries++) {
    const fd = bpf(BPF_PROG_LOAD, request);
    if (fd >= 0 || tries === mostTries || lastErrno() !== 'EAGAIN') return checked(fd, 'bpf');
  }
}

function bpf(command: number, attributes: Buffer): number {
  const number = bpfNumbers[process.arch];
  if (number === undefined) throw new Error(`bpf(2) is not known for ${process.arch}`);
  const result = syscall(number, 'int', command, 'void *', attributes, 'unsigned int', attributes.length);
  return Number(result);
}
