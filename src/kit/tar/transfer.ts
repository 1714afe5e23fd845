/** Moves bytes between open files inside the kernel or past its cache, without ever holding up the event loop for long. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type DirectOutput, directAlignment, openDirect } from '../direct.ts';
import { copyRange, reflinkRange, reserve, seek } from '../system.ts';

const sliceBytes = 16 * 1024 * 1024;
const blockBytes = 4096;
const worthReserving = 1024 * 1024;
/** Both ways are tried on a slice each: there must be more than those. */
const worthTrying = 3 * sliceBytes;

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
export async function transfer(whole: Transfer): Promise<number> {
  const { to, toAt, length } = whole;
  const shared = shareBlocks(whole);
  const left = length - shared;
  if (left >= worthReserving) reserve(to, toAt + shared, left);
  using direct = left >= worthTrying ? openDirect(to) : undefined;
  // Awaited here: the second way is closed at the end of this function.
  return await copySlices(whole, shared, direct);
}

type Way = 'cached' | 'direct';

/**
 * Goes on from `done` bytes. Which way is better depends on the disk, on how much memory is free and on what it costs: each
 * slice takes its way by how long the last ones took.
 */
async function copySlices(whole: Transfer, done: number, direct: DirectOutput | undefined): Promise<number> {
  const { from, fromAt, to, toAt, length, signal } = whole;
  const tookMs: Partial<Record<Way, number>> = {};
  while (done < length) {
    const at = toAt + done;
    // All but the first begin where blocks do.
    const slice = Math.min(sliceBytes - (at % directAlignment), length - done);
    const way = direct !== undefined && slice === sliceBytes ? wayAfter(tookMs) : 'cached';
    const startMs = performance.now();
    let copied = 0;
    if (way === 'cached') copied = copySlice(from, fromAt + done, to, at, slice);
    else if (await direct?.copy({ from, fromAt: fromAt + done, toAt: at, length: slice })) copied = slice;
    tookMs[way] = copied === slice ? performance.now() - startMs : Number.POSITIVE_INFINITY;
    done += copied;
    signal?.throwIfAborted();
    // What went wrong past the cache is tried again through it, which tells why.
    if (way === 'cached' && copied < slice) break;
    if (done < length) await nextTurn();
  }
  return done;
}

/**
 * What goes through the cache is paid for later too: its pages have to be written, and to be freed, at the latest when the file is
 * replaced by another, which takes as long as to fill them.
 */
const cachedMustBeFasterBy = 3;

/** Each is tried once. */
function wayAfter({ cached, direct = 0 }: Partial<Record<Way, number>>): Way {
  return cached !== undefined && direct < cached * cachedMustBeFasterBy ? 'direct' : 'cached';
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
