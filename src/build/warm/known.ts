/**
 * What is known of a step that runs on its own last result, and how that changes with each run: whether it is fit for that, and
 * what of its own files it touches even when nothing changed. A file of those that is still there after a run which did not
 * touch it is one that the step makes no more: the bundle of the last edit, say, whose name has a digest in it.
 */
import { posix } from 'node:path';
import { timelessName } from '../../kit/time-names.ts';
import type { SnapshotId } from '../../plan/index.ts';
import type { WarmPart } from '../../store/warm.ts';
import type { Fit, OwnUses, Unfit, WarmWorker } from '../../workers/warm.ts';
import { hasRead } from './reads.ts';

export type Known = Pick<WarmPart, 'fitness' | 'reason' | 'touches'>;

export function knownOf(last: WarmPart | undefined): Known {
  return { fitness: last?.fitness ?? 'unknown', reason: last?.reason, touches: last?.touches };
}

/** From a run with nothing changed. */
export function knownFrom(tried: Fit | Unfit): Known {
  return tried.outcome === 'unfit'
    ? { fitness: 'clean-only', reason: tried.reason, touches: undefined }
    : { fitness: 'fit', reason: undefined, touches: tried.touches };
}

/**
 * After a run that gave its files other names, or began from its base: what it touches has to be found out anew. A step that
 * touches nothing of its own when nothing changed, as `make`, stays one.
 */
export function knownWithOtherNames(known: Known): Known {
  return known.fitness === 'fit' && (known.touches?.size ?? 0) > 0 ? { ...known, fitness: 'unknown' } : known;
}

/** Whether a run made or removed files, but for those that it makes at each run with the time in their names. */
export function hasOtherNames({ touches }: Known, { added, removed }: OwnUses): boolean {
  return [...added, ...removed].some((path) => {
    const name = timelessName(path);
    return name === path || touches?.has(name) !== true;
  });
}

/** Why a run on the last result can't be kept, when it left a file that it makes no more; and what is known from then on. */
export function leftBehind(
  warm: WarmWorker,
  known: Known,
  result: SnapshotId,
  own: OwnUses,
): { reason: string; known: Known } | undefined {
  const missed = [...(known.touches ?? [])].filter(
    (path) => !path.endsWith('/') && !hasRead(own.touched, path),
  );
  const left = missed.length === 0 ? undefined : warm.firstFile(result, missed);
  if (left === undefined) return undefined;
  const reason = `on its last result it leaves /${left}, which it does not make any more`;
  // It does so after each edit.
  const isRenamed = own.added.some(
    (path) => posix.dirname(path) === posix.dirname(left) && posix.extname(path) === posix.extname(left),
  );
  return {
    reason,
    known: isRenamed
      ? { fitness: 'clean-only', reason, touches: undefined }
      : { ...known, fitness: 'unknown' },
  };
}
