/** Moves bytes between open files inside the kernel, without ever holding up the event loop for long. */
import { readSync, writeSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { errnoOf } from '../errors.ts';
import { copyRange, reflinkRange, seek } from '../system.ts';

const sliceBytes = 32 * 1024 * 1024;
const blockBytes = 4096;

export interface Transfer {
  from: number;
  fromAt: number;
  to: number;
  toAt: number;
  length: number;
}

/**
 * Copies a range; blocks are shared where the file system can. Returns the bytes copied, fewer only when the
 * source is shorter. Moves both descriptors' positions.
 */
export async function transfer({ from, fromAt, to, toAt, length }: Transfer): Promise<number> {
  let done = shareBlocks({ from, fromAt, to, toAt, length });
  while (done < length) {
    const slice = Math.min(sliceBytes, length - done);
    const copied = copySlice(from, fromAt + done, to, toAt + done, slice);
    done += copied;
    if (copied < slice) break;
    if (done < length) await nextTurn();
  }
  return done;
}

/** Shares as many whole blocks as there are, all or none; returns their bytes. */
function shareBlocks({ from, fromAt, to, toAt, length }: Transfer): number {
  const whole = length - (length % blockBytes);
  if (whole === 0 || fromAt % blockBytes !== 0 || toAt % blockBytes !== 0) return 0;
  return reflinkRange(from, fromAt, whole, to, toAt) ? whole : 0;
}

function copySlice(from: number, fromAt: number, to: number, toAt: number, length: number): number {
  seek(from, fromAt, 'set');
  seek(to, toAt, 'set');
  try {
    return copyRange(from, to, length);
  } catch (error) {
    // Between two kinds of file system, and on some network ones, the kernel leaves the copying to us.
    if (!['EXDEV', 'EINVAL', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS'].includes(errnoOf(error) ?? '')) throw error;
    return copyByHand(from, fromAt, to, toAt, length);
  }
}

function copyByHand(from: number, fromAt: number, to: number, toAt: number, length: number): number {
  const buffer = Buffer.allocUnsafe(Math.min(length, 1024 * 1024));
  let done = 0;
  while (done < length) {
    const count = readSync(from, buffer, 0, Math.min(buffer.length, length - done), fromAt + done);
    if (count === 0) break;
    for (let at = 0; at < count; ) at += writeSync(to, buffer, at, count - at, toAt + done + at);
    done += count;
  }
  return done;
}
