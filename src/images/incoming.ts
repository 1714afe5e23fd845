/** What is demanded of all that comes from elsewhere: that it is what its digest says, and doesn't fill the disk. */
import { statfsSync } from 'node:fs';
import { outside, type UserError } from '../kit/errors.ts';
import type { Store } from '../store/store.ts';

/** What a user may still write to the store's disk: no archive is let to unpack to more. */
export function freeBytes(store: Store): number {
  const { bavail, bsize } = statfsSync(store.dir);
  return bavail * bsize;
}

/** A layer of less than this may unfold as it likes. */
const harmlessBytes = 1024 * 1024 * 1024;
/** Files of programs shrink to a fifth, texts to a twentieth; more than this is made to fill disks. */
const highestRatio = 200;

/** How many bytes a layer of that size, as it lies there, may unfold to: CAMBIUM_MAX_LAYER_BYTES, where it is set. */
export function inflateLimit(packedBytes: number): number {
  const told = Number(process.env['CAMBIUM_MAX_LAYER_BYTES']);
  return told > 0 ? told : Math.max(harmlessBytes, packedBytes * highestRatio);
}

export function wrongDigest(what: string, place: string, why = 'its content has another digest'): UserError {
  return outside('wrong-digest', `${what} in ${place} is not what its digest says: ${why}.`, {
    hint: 'It is damaged or was changed; fetch or make it again.',
  });
}
