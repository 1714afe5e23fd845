/** Moves bytes between open files inside the kernel, without ever holding up the event loop for long. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { copyRange, reflinkRange, reserve, seek } from '../system.ts';

const sliceBytes = 32 * 1024 * 1024;
const blockBytes = 4096;
const worthReserving = 1024 * 1024;

export interface Transfer {
  from: number;
  fromAt: number;
  to: number;
  toAt: number;
  length: number;
  signal?: AbortSignal | undefined;
}

/**
 * Copies a range; blocks are shared where the file system can. Returns the bytes copied, fewer only when the
 * source is shorter. Moves both descriptors' positions. Throws the signal's reason once that is aborted.
 */
export async function transfer({ from, fromAt, to, toAt, length, signal }: Transfer): Promise<number> {
  let done = shareBlocks({ from, fromAt, to, toAt, length });
  if (length - done >= worthReserving) reserve(to, toAt + done, length - done);
  while (done < length) {
    const slice = Math.min(sliceBytes, length - done);
    const copied = copySlice(from, fromAt + done, to, toAt + done, slice);
    done += copied;
    if (copied < slice) break;
    if (done < length) await nextTurn();
    signal?.throwIfAborted();
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
  return copyRange(from, to, length);
}
