/**
 * What is known of a step that runs on its own last result, and how that changes with each run: whether it is fit for that, and
 * what of its own files it touches even when nothing changed. A file of those that is still there after a run which did not
 * touch it is one that the step makes no more: the bundle of the last edit, say, whose name has a digest in it. Where a run from
 * its base gives that file all the same, it says nothing from then on: Maven reads some lists only when nothing changed.
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

/** In front of a path among `touches` that says nothing. */
const silent = '!';

/** From a run with nothing changed, after what was known before. */
export function knownFrom(tried: Fit | Unfit, before: ReadonlySet<string> | undefined): Known {
  if (tried.outcome === 'unfit') return { fitness: 'clean-only', reason: tried.reason, touches: undefined };
  const kept = [...(before ?? [])].filter((path) => path.startsWith(silent));
  const touches = tried.touches && kept.length > 0 ? new Set([...tried.touches, ...kept]) : tried.touches;
  return { fitness: 'fit', reason: undefined, touches };
}

/**
 * After a run that gave its files other names, or began from its base: what it touches has to be found out anew. A step that
 * touches nothing of its own when nothing changed, as `make`, stays one.
 */
export function knownWithOtherNames(known: Known): Known {
  const touchesSome = [...(known.touches ?? [])].some((path) => !path.startsWith(silent));
  return known.fitness === 'fit' && touchesSome ? { ...known, fitness: 'unknown' } : known;
}

/** Whether a run made or removed files, but for those that it makes at each run with the time in their names. */
export function hasOtherNames({ touches }: Known, { added, removed }: OwnUses): boolean {
  return [...added, ...removed].some((path) => {
    const name = timelessName(path);
    return name === path || touches?.has(name) !== true;
  });
}

/** Files that a run on the last result left there, with its result. */
export interface Left {
  result: SnapshotId;
  paths: readonly string[];
  before: Known;
}

/** Why a run on the last result can't be kept, when it left a file that it makes no more; and what is known from then on. */
export function leftBehind(
  warm: WarmWorker,
  known: Known,
  result: SnapshotId,
  own: OwnUses,
): { reason: string; known: Known; left: Left } | undefined {
  const touches = known.touches ?? new Set();
  const missed = [...touches].filter(
    (path) => !path.endsWith('/') && !hasRead(own.touched, path) && !touches.has(silent + path),
  );
  const paths = missed.length === 0 ? [] : warm.filesAt(result, missed);
  const [left] = paths;
  if (left === undefined) return undefined;
  const reason = `on its last result it leaves /${left}, which it does not touch any more`;
  // It does so after each edit.
  const isRenamed = own.added.some(
    (path) => posix.dirname(path) === posix.dirname(left) && posix.extname(path) === posix.extname(left),
  );
  return {
    reason,
    left: { result, paths, before: known },
    known: isRenamed
      ? { fitness: 'clean-only', reason, touches: undefined }
      : { ...known, fitness: 'unknown' },
  };
}

/** What is known once the step ran from its base: `known`, or that it makes all that it left. */
export function knownAfterLeft(
  warm: WarmWorker,
  { result, paths, before }: Left,
  fresh: SnapshotId,
  known: Known,
): Known {
  const other = new Set(
    warm.compare(result, fresh).flatMap(({ path, kind }) => (kind === 'metadata' ? [] : [path, `${path}/`])),
  );
  if (paths.some((path) => hasRead(other, path))) return known;
  return { ...before, touches: new Set([...(before.touches ?? []), ...paths.map((path) => silent + path)]) };
}
