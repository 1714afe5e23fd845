/** A program for 64-bit ARM, put together by hand: so that tests of emulation need no foreign root file system. */

const base = 0x400000;

/** Bytes of an ELF file that makes a folder, which must not be there, and then starts `next` or exits with 0. */
export function armProgram(folder: string, next?: string): Buffer {
  const strings: Buffer[] = [];
  const code: number[] = [];
  const fixups: { at: number; register: number; text: Buffer }[] = [];
  const set = (register: number, value: number) => code.push((0xd2800000 | (value << 5) | register) >>> 0);
  const address = (register: number, text: string) => {
    const bytes = Buffer.from(`${text}\0`);
    strings.push(bytes);
    fixups.push({ at: code.length, register, text: bytes });
    code.push(0);
  };
  const call = (number: number) => {
    set(8, number);
    code.push(0xd4000001);
  };
  // mkdirat(AT_FDCWD, folder, 0755)
  code.push((0x92800000 | (99 << 5)) >>> 0);
  address(1, folder);
  set(2, 0o755);
  call(34);
  if (next !== undefined) {
    // execve(next, NULL, NULL)
    address(0, next);
    set(1, 0);
    set(2, 0);
    call(221);
  }
  // A result that isn't 0 (of mkdirat, or of execve, which comes back only when it fails) is the exit code.
  call(93);
  return elfFile(code, fixups, strings);
}

function elfFile(
  code: number[],
  fixups: readonly { at: number; register: number; text: Buffer }[],
  strings: readonly Buffer[],
): Buffer {
  const start = 64 + 56;
  const places = new Map<Buffer, number>();
  let end = start + code.length * 4;
  for (const text of strings) {
    places.set(text, end);
    end += text.length;
  }
  for (const { at, register, text } of fixups) {
    // ADR: an address by its distance from the instruction.
    const distance = (places.get(text) as number) - (start + at * 4);
    code[at] = (0x10000000 | ((distance & 3) << 29) | ((distance >> 2) << 5) | register) >>> 0;
  }
  const file = Buffer.alloc(end);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(0xb7, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(base + start), 24);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  // One segment: the whole file, readable and executable.
  file.writeUInt32LE(1, 64);
  file.writeUInt32LE(5, 68);
  file.writeBigUInt64LE(BigInt(base), 80);
  file.writeBigUInt64LE(BigInt(base), 88);
  file.writeBigUInt64LE(BigInt(end), 96);
  file.writeBigUInt64LE(BigInt(end), 104);
  file.writeBigUInt64LE(4096n, 112);
  for (const [at, word] of code.entries()) file.writeUInt32LE(word, start + at * 4);
  for (const [text, at] of places) text.copy(file, at);
  return file;
}
