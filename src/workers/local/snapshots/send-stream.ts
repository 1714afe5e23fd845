/**
 * Reads which paths a btrfs send stream touches. Format: fs/btrfs/send.h of Linux, version 1: a header of 17 bytes,
 * then commands (u32 length, u16 command, u32 CRC) of attributes (u16 type, u16 length, data), little endian.
 */
import { decodeName } from '../../../kit/names.ts';

const magic = 'btrfs-stream\0';
const headerBytes = magic.length + 4;
const commandHeaderBytes = 10;
const pathAttributes = new Set([15, 16]); // BTRFS_SEND_A_PATH, BTRFS_SEND_A_PATH_TO
const contentCommands = new Set([15, 16, 17, 22]); // WRITE, CLONE, TRUNCATE, UPDATE_EXTENT
const subvolumeCommands = new Set([1, 2]); // SUBVOL, SNAPSHOT: their path names the subvolume itself

/**
 * Every path that a command names, and whether one of them changed content. Paths may be temporary names that exist
 * on neither side, and a renamed folder stands for all below it: the caller looks at both sides.
 */
export function touchedPaths(stream: Buffer): Map<string, { content: boolean }> {
  if (stream.toString('latin1', 0, magic.length) !== magic) throw new Error('this is no btrfs send stream');
  const touched = new Map<string, { content: boolean }>();
  let at = headerBytes;
  while (at + commandHeaderBytes <= stream.length) {
    const length = stream.readUInt32LE(at);
    const command = stream.readUInt16LE(at + 4);
    const end = at + commandHeaderBytes + length;
    if (!subvolumeCommands.has(command)) {
      for (const path of paths(stream, at + commandHeaderBytes, end)) {
        const content = contentCommands.has(command) || (touched.get(path)?.content ?? false);
        touched.set(path, { content });
      }
    }
    at = end;
  }
  return touched;
}

function* paths(stream: Buffer, start: number, end: number): Generator<string> {
  let at = start;
  while (at + 4 <= end) {
    const type = stream.readUInt16LE(at);
    const length = stream.readUInt16LE(at + 2);
    if (pathAttributes.has(type)) yield decodeName(stream.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
}
