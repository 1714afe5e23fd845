/** What is demanded of all that comes from elsewhere: that it is what its digest says, and doesn't fill the disk. */
import { statfsSync } from 'node:fs';
import { outside, type UserError } from '../kit/errors.ts';
import type { DecompressOptions } from '../kit/tar/decompress.ts';
import type { Store } from '../store/store.ts';

/** A layer of less than this may unfold as it likes. */
const harmlessBytes = 1024 * 1024 * 1024;
/** Files of programs shrink to a fifth, texts to a twentieth; more than this is made to fill disks. */
const highestRatio = 200;

/** How many bytes a layer of that size, as it lies there, may unfold to: CAMBIUM_MAX_LAYER_BYTES, where it is set. */
function inflateLimit(packedBytes: number): number {
  const told = Number(process.env['CAMBIUM_MAX_LAYER_BYTES']);
  return told > 0 ? told : Math.max(harmlessBytes, packedBytes * highestRatio);
}

/**
 * What an archive may unfold to: never more than a user may still write to the store's disk, and a layer of `packedBytes`
 * no more than is reasonable. Says of which of both it is too much.
 */
export function unfoldLimit({ dir }: Store, packedBytes?: number): DecompressOptions {
  const { bavail, bsize } = statfsSync(dir);
  const free = bavail * bsize;
  const reasonable = packedBytes === undefined ? Number.POSITIVE_INFINITY : inflateLimit(packedBytes);
  if (reasonable <= free) return { limitBytes: reasonable };
  return {
    limitBytes: free,
    tooBig: () =>
      outside('no-space', `No space is left on the disk: what is unpacked takes more than ${free} bytes.`, {
        hint: 'Free some space, or run `cambium cache prune`.',
      }),
  };
}

export function wrongDigest(what: string, place: string, why = 'its content has another digest'): UserError {
  return outside('wrong-digest', `${what} in ${place} is not what its digest says: ${why}.`, {
    hint: 'It is damaged or was changed; fetch or make it again.',
  });
}
