/**
 * Copies into files past the page cache (O_DIRECT), several pieces at a time. For much data on a fast disk that costs a
 * fraction of what new pages in memory do, and pushes nobody else's out.
 */
import { closeSync, constants, openSync, read, write } from 'node:fs';
import { promisify } from 'node:util';
import { addressOf } from './native.ts';
import { descriptorPath } from './system.ts';

/** Disks that want more than a page to be aligned are unknown to us. */
export const directAlignment = 4096;

/** As many pieces are on their way at once; one alone leaves the disk idle while the next is read. */
const lanes = 4;
const pieceBytes = 1024 * 1024;

const readAt = promisify(read);
const writeAt = promisify(write);

export interface DirectOutput extends Disposable {
  /**
   * Copies a range of the open file `from`; `toAt` and `length` are multiples of `directAlignment`. False when
   * not all of it was copied, for whatever reason: the ordinary way will tell. Nothing is under way any more then.
   */
  copy(range: { from: number; fromAt: number; toAt: number; length: number }): Promise<boolean>;
}

/** A second way into a file that is open for writing; undefined where its file system knows none. */
export function openDirect(fd: number): DirectOutput | undefined {
  let output: number;
  try {
    output = openSync(descriptorPath(fd), constants.O_WRONLY | constants.O_DIRECT);
  } catch {
    return undefined;
  }
  const buffers = Array.from({ length: lanes }, alignedBuffer);
  return {
    async copy({ from, fromAt, toAt, length }) {
      let next = 0;
      let isWhole = true;
      const piece = async (buffer: Buffer, at: number, bytes: number) =>
        (await readAt(from, buffer, 0, bytes, fromAt + at)).bytesRead === bytes &&
        (await writeAt(output, buffer, 0, bytes, toAt + at)).bytesWritten === bytes;
      const lane = async (buffer: Buffer) => {
        while (isWhole && next < length) {
          const at = next;
          next = Math.min(length, at + pieceBytes);
          if (!(await piece(buffer, at, next - at).catch(() => false))) isWhole = false;
        }
      };
      await Promise.all(buffers.map(lane));
      return isWhole;
    },
    [Symbol.dispose]: () => closeSync(output),
  };
}

function alignedBuffer(): Buffer {
  const buffer = Buffer.allocUnsafeSlow(pieceBytes + directAlignment);
  const over = addressOf(buffer) % directAlignment;
  const start = over === 0 ? 0 : directAlignment - over;
  return buffer.subarray(start, start + pieceBytes);
}
