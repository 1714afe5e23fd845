/**
 * The first process of a container that stays: it waits, and leaves nothing behind of processes that nobody waits for. It is
 * a program of two system calls, as no image has to bring one, made here by machine.
 */
import { arch } from 'node:process';
import { type Machine, machines } from '../elf.ts';

/**
 * amd64 (numbers of syscalls(2)):          arm64:
 *
 *     lea  rsi, [rip + action]                 adr  x1, action
 *     mov  edi, SIGCHLD                        mov  x0, SIGCHLD
 *     xor  edx, edx                            mov  x2, 0
 *     mov  r10d, 8                             mov  x3, 8
 *     mov  eax, 13     ; rt_sigaction          mov  x8, 134    ; rt_sigaction
 *     syscall                                  svc  0
 *     again:                                   again: mov x0, 0 … mov x3, 0
 *     mov  eax, 34     ; pause                 mov  x8, 73     ; ppoll
 *     syscall                                  svc  0
 *     jmp  again                               b    again
 *     action: .quad SIG_IGN, SA_NOCLDWAIT, 0, 0
 */
const code: Partial<Record<string, { machine: Machine | undefined; text: string }>> = {
  x64: {
    machine: machines['amd64'],
    text: '488d351d000000bf1100000031d241ba08000000b80d0000000f05b8220000000f05ebf7',
  },
  arm64: {
    machine: machines['arm64'],
    text: 'a1010010200280d2020080d2030180d2c81080d2010000d4000080d2010080d2020080d2030080d2280980d2010000d4faffff17',
  },
};
const action = '01000000000000000200000000000000'.padEnd(64, '0');

const headerBytes = 64;
const segmentBytes = 56;
const loadAddress = 0x400000n;

/** An ELF file (elf(5)) for this machine; undefined for kinds that we don't know. */
export function idleProgram(): Buffer | undefined {
  const { text, machine } = code[arch] ?? {};
  if (text === undefined || machine === undefined) return undefined;
  const body = Buffer.from(text + action, 'hex');
  const start = headerBytes + segmentBytes;
  const file = Buffer.alloc(start + body.length);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(2, 16); // e_type: ET_EXEC
  file.writeUInt16LE(machine.elf, 18);
  file.writeUInt32LE(1, 20); // e_version
  file.writeBigUInt64LE(loadAddress + BigInt(start), 24); // e_entry
  file.writeBigUInt64LE(BigInt(headerBytes), 32); // e_phoff
  file.writeUInt16LE(headerBytes, 52); // e_ehsize
  file.writeUInt16LE(segmentBytes, 54); // e_phentsize
  file.writeUInt16LE(1, 56); // e_phnum
  file.writeUInt32LE(1, 64); // p_type: PT_LOAD
  file.writeUInt32LE(5, 68); // p_flags: readable and executable
  file.writeBigUInt64LE(loadAddress, 80); // p_vaddr
  file.writeBigUInt64LE(loadAddress, 88); // p_paddr
  file.writeBigUInt64LE(BigInt(file.length), 96); // p_filesz
  file.writeBigUInt64LE(BigInt(file.length), 104); // p_memsz
  file.writeBigUInt64LE(0x1000n, 112); // p_align
  body.copy(file, start);
  return file;
}
