/**
 * The tar format's common ground (POSIX.1-2017 `pax`, and GNU tar's additions): what a member is, where header
 * fields lie, and how numbers and names are written in them.
 */
import { outside, UserError } from '../errors.ts';
import { decodeName } from '../names.ts';
import type { Metadata } from '../tree.ts';

export const blockSize = 512;

export type MemberType = 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo';

/** A member's header, with all that extensions say already put in. */
export interface MemberHeader extends Metadata {
  /** As it stands in the archive, less the final `/` of folders; bytes that are no UTF-8 are escaped (see names.ts). */
  name: string;
  type: MemberType;
  /** Target of a symlink, or name of the member that a hard link stands for. */
  link?: string;
}

/** Field offsets and lengths of a USTAR header. */
export const fields = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  link: [157, 100],
  magic: [257, 8],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [number, number]>;

export type Field = readonly [offset: number, length: number];

export const typeFlags: Record<MemberType, string> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/** Bytes that fill `size` up to a whole block. */
export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

export function brokenTar(what: string): UserError {
  return outside('broken-tar', `The tar archive is broken: ${what}.`, {
    hint: 'The file may be cut off or damaged; fetch or make it again.',
  });
}

/** Names the archive in what `readTar` says of a broken one; gives back all other errors as they are. */
export function brokenIn(place: string, error: unknown): unknown {
  if (!(error instanceof UserError) || error.code !== 'broken-tar' || error.message.includes(place))
    return error;
  const { code, message, hint, exitCode } = error;
  return new UserError({
    code,
    message: `${place}: ${message}`,
    exitCode,
    cause: error,
    ...(hint !== undefined && { hint }),
  });
}

/** Text of a field up to its first NUL. */
export function readText(block: Buffer, [offset, length]: Field): string {
  const end = block.indexOf(0, offset);
  return decodeName(block.subarray(offset, end === -1 || end > offset + length ? offset + length : end));
}

/** A number: octal digits, or GNU's base-256 when the first byte's top bit is set. */
export function readNumber(block: Buffer, [offset, length]: Field, what: string): number {
  const first = block[offset] as number;
  if ((first & 0x80) !== 0) return readBase256(block.subarray(offset, offset + length), what);
  const digits = (block.toString('latin1', offset, offset + length).split('\0', 1)[0] as string).trim();
  if (!/^[0-7]*$/.test(digits)) throw brokenTar(`its ${what} ${JSON.stringify(digits)} is not a number`);
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

function readBase256(bytes: Buffer, what: string): number {
  let value = BigInt((bytes[0] as number) & 0x7f);
  for (const byte of bytes.subarray(1)) value = (value << 8n) | BigInt(byte);
  if (((bytes[0] as number) & 0x40) !== 0) value -= 1n << BigInt(bytes.length * 8 - 1);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw brokenTar(`its ${what} is out of range`);
  return number;
}

/** Sum over a header's bytes with the checksum field taken as spaces: unsigned, and signed as some old programs did. */
export function checksums(block: Buffer): { unsigned: number; signed: number } {
  const [offset, length] = fields.checksum;
  let unsigned = 0;
  let high = 0;
  for (let at = 0; at < blockSize; at++) {
    const byte = at >= offset && at < offset + length ? 0x20 : (block[at] as number);
    unsigned += byte;
    if (byte >= 0x80) high += 1;
  }
  return { unsigned, signed: unsigned - 256 * high };
}
