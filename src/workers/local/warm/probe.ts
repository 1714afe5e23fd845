/** Finds out whether a step may run again on its own result: once more with nothing changed, it must change nothing. */
import { timelessName } from '../../../kit/time-names.ts';
import type { Fit, TreeChange, Unfit, WarmTask } from '../../warm.ts';
import type { RunPlace } from '../run-place.ts';
import { compareSnapshots } from './compare.ts';
import { runWarm, untilPast } from './execute.ts';
import { removeSnapshot } from './sweep.ts';

const secondNs = 1_000_000_000n;
/** Paths that a reason names. */
const shownPaths = 3;

export async function probe(
  place: RunPlace,
  task: WarmTask & { last: NonNullable<WarmTask['last']> },
): Promise<Fit | { outcome: 'cancelled' } | Unfit> {
  const { result, seenNs } = task.last;
  const startedNs = BigInt(Date.now()) * 1_000_000n;
  const again = await runWarm(place, {
    ...task,
    last: { ...task.last, changes: [], touches: undefined },
    isProbe: true,
  });
  if (again.outcome === 'cancelled') return { outcome: 'cancelled' };
  if (again.outcome === 'failed')
    return {
      outcome: 'unfit',
      fails: true,
      reason: `run again on its own result, it fails: ${again.failure.message}`,
    };
  if (again.outcome === 'conflict') throw new Error('nothing was changed, so nothing can conflict');
  const changes = compareSnapshots(place.snapshots, result, again.snapshot);
  removeSnapshot(place, again.snapshot);
  const { touched, added = [] } = again.own ?? {};
  const made = new Set(added);
  // Within one second it may have made the files of the run before anew, under their names: then it tells nothing of them.
  const nextSecondNs = (seenNs / secondNs + 1n) * secondNs;
  const isNamedByTime = (path: string) => !made.has(path) && timelessName(path) !== path;
  if (startedNs < nextSecondNs && [...(touched ?? [])].some(isNamedByTime)) {
    await untilPast(new Map([['', nextSecondNs]]), task.signal);
    return probe(place, task);
  }
  const touches =
    touched && new Set([...touched].map((path) => (made.has(path) ? timelessName(path) : path)));
  // A file that it makes at each run, such as a log: those of earlier runs go before it runs again.
  const isLitter = ({ kind, path }: TreeChange) =>
    kind === 'added' && made.has(path) && timelessName(path) !== path;
  const steady = changes.filter((change) => !isLitter(change));
  if (steady.length === 0) return { outcome: 'fit', touches };
  return {
    outcome: 'unfit',
    fails: false,
    reason: `run again on its own result, it changes ${namesOf(steady)}`,
  };
}

function namesOf(changes: readonly TreeChange[]): string {
  const shown = changes.slice(0, shownPaths).map(({ path }) => `/${path}`);
  const more = changes.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}
