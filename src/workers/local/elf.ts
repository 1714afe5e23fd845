/** ELF files of other machines: how their headers begin, and what qemu calls the machines. See elf(5). */
import { closeSync, openSync, readSync } from 'node:fs';

export interface Machine {
  /** Ends the name of the emulator: `qemu-aarch64`. */
  qemu: string;
  /** `e_machine`. */
  elf: number;
  bits?: 32;
  order?: 'big';
}

/** By the architecture's name in OCI. */
export const machines: Partial<Record<string, Machine>> = {
  amd64: { qemu: 'x86_64', elf: 0x3e },
  '386': { qemu: 'i386', elf: 0x03, bits: 32 },
  arm64: { qemu: 'aarch64', elf: 0xb7 },
  arm: { qemu: 'arm', elf: 0x28, bits: 32 },
  riscv64: { qemu: 'riscv64', elf: 0xf3 },
  ppc64le: { qemu: 'ppc64le', elf: 0x15 },
  s390x: { qemu: 's390x', elf: 0x16, order: 'big' },
  mips64le: { qemu: 'mips64el', elf: 0x08 },
  loong64: { qemu: 'loongarch64', elf: 0x102 },
};

const ET_EXEC = 2;
const PT_INTERP = 3;

/** The first 20 bytes of a machine's programs, and which bits of them count. */
export function elfHeader({ elf, bits, order }: Omit<Machine, 'qemu'>): { magic: Buffer; mask: Buffer } {
  const isBig = order === 'big';
  const magic = Buffer.alloc(20);
  magic.set([0x7f, 0x45, 0x4c, 0x46, bits === 32 ? 1 : 2, isBig ? 2 : 1, 1]);
  const mask = Buffer.alloc(20, 0xff);
  // The system's name counts for nothing.
  mask[7] = 0;
  // Type: ET_EXEC, or ET_DYN (3) for those that lie anywhere.
  const put = (bytes: Buffer, value: number, at: number) =>
    isBig ? bytes.writeUInt16BE(value, at) : bytes.writeUInt16LE(value, at);
  put(magic, ET_EXEC, 16);
  put(mask, 0xfffe, 16);
  put(magic, elf, 18);
  return { magic, mask };
}

/** Whether a program of this machine (64 bits, little-endian) is there by itself, without loader and libraries. */
export function needsNoLoader(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const header = Buffer.alloc(64);
    if (readSync(fd, header, 0, 64, 0) < 64 || header.readUInt32BE(0) !== 0x7f454c46) return false;
    const [size, count] = [header.readUInt16LE(54), header.readUInt16LE(56)];
    const table = Buffer.alloc(size * count);
    readSync(fd, table, 0, table.length, Number(header.readBigUInt64LE(32)));
    return Array.from({ length: count }, (_, at) => table.readUInt32LE(at * size)).every(
      (type) => type !== PT_INTERP,
    );
  } finally {
    closeSync(fd);
  }
}
