/** Gives one part of a run its new result: kept, brought up to date, run on its last result, or run on its base. */
import type { SnapshotId } from '../../plan/index.ts';
import type { WarmMount, WarmPart } from '../../store/warm.ts';
import type { LiveWish, TreeChange, WarmOutcome, WarmTask } from '../../workers/warm.ts';
import type { StepOutcome } from '../../workers/worker.ts';
import { computeOf, reserveFor } from '../compute.ts';
import { locate } from '../locate.ts';
import { decide } from './decide.ts';
import { hazardIn } from './hazards.ts';
import {
  hasOtherNames,
  type Known,
  knownAfterLeft,
  knownFrom,
  knownOf,
  knownWithOtherNames,
  type Left,
  leftBehind,
} from './known.ts';
import type { CleanRun } from './lane.ts';
import { type BroughtMounts, bringUpMounts } from './mounts.ts';
import type { RunPart } from './parts.ts';
import { mergeReads, unreadOf } from './reads.ts';
import type { Running } from './run-parts.ts';

export interface PartPlace {
  running: Running;
  part: RunPart;
  index: number;
  /** Digest of what its base came from. */
  lineage: string;
  /** What it runs on: the step's base, or the result of the part before. */
  base: SnapshotId | undefined;
  last: WarmPart | undefined;
  /** Runs it by the clean lane, where that is possible. */
  clean: CleanRun | undefined;
}

type Ended = Extract<StepOutcome, { outcome: 'failed' | 'cancelled' }>;

/** What is kept of a part that has its new result. */
interface Made extends Pick<WarmPart, 'result' | 'seenNs' | 'reads' | 'mounts'>, Known {
  outcome: 'made';
  how: 'kept' | 'on-last' | 'on-base' | 'clean';
}

/** It can't start from its last result. */
interface Impossible {
  outcome: 'impossible';
  reason: string;
  known: Known;
  /** What a run on the last result left, which is the reason. */
  left?: Left;
}

export type PartOutcome = Ended | { outcome: 'done'; snapshot: SnapshotId; how: Made['how'] };

export async function runPart(place: PartPlace): Promise<PartOutcome> {
  const { running, part, index, lineage, base, last } = place;
  const { lane, keyed, warm, slot } = running;
  const mounts = await bringUpMounts(running, part, last);
  const changes = last ? warm.compare(last.base, base) : [];
  const { isReadBySome } = lane;
  const warmth = keyed.step.warm ?? {};
  const { changes: mountChanges, toolChanges } = mounts;
  const decision = decide({ last, warmth, lineage, changes, mountChanges, toolChanges, isReadBySome });

  let made: Made | Ended | Impossible = {
    outcome: 'impossible',
    reason: 'reason' in decision ? decision.reason : '',
    known: knownOf(last),
  };
  if (last !== undefined && decision.do === 'keep') {
    made = { ...last, ...knownOf(last), outcome: 'made', how: 'kept', mounts: mounts.shown };
  } else if (last !== undefined && decision.do === 'carry') {
    made = await carry(place, last, changes, mounts);
  } else if (last !== undefined && decision.do === 'run-on-last') {
    made = await runOnLast(place, last, changes, mounts, decision.reason);
    if (made.outcome === 'impossible') {
      made = { ...made, reason: `${decision.what}; from its base: ${made.reason}` };
      running.beginAgain(made.reason);
    }
  }
  if (made.outcome === 'impossible') {
    const { left } = made;
    made = await runOnBase(place, mounts.fresh, made);
    if (made.outcome === 'made' && left !== undefined)
      made = { ...made, ...knownAfterLeft(warm, left, made.result, made) };
  }
  if (made.outcome !== 'made') return made;
  const { outcome: _, how, ...kept } = made;
  lane.save({
    slot,
    part: index,
    definition: part.definition,
    lineage,
    key: keyed.key,
    base,
    ...pickKept(kept),
  });
  return { outcome: 'done', snapshot: made.result, how };
}

function pickKept({
  result,
  seenNs,
  reads,
  fitness,
  reason,
  touches,
  mounts,
}: Omit<Made, 'outcome' | 'how'>) {
  return { result, seenNs, reads, fitness, reason, touches, mounts };
}

async function carry(
  { running, base }: PartPlace,
  last: WarmPart,
  changes: readonly TreeChange[],
  mounts: BroughtMounts,
): Promise<Made | Ended | Impossible> {
  const { warm, keyed, lane } = running;
  const outcome = await warm.carry(keyed.step, { ...last, changes }, base, lane.signal);
  const { reads } = last;
  return madeOf(outcome, { known: knownOf(last), how: 'kept', mounts: mounts.shown, reads: () => reads });
}

async function runOnLast(
  place: PartPlace,
  last: WarmPart,
  changes: readonly TreeChange[],
  mounts: BroughtMounts,
  reason: string,
): Promise<Made | Ended | Impossible> {
  const { running, part } = place;
  const { warm, keyed, lane } = running;
  const live = liveOf(place);
  running.begin(live.why === undefined ? reason : `${reason}; not live: ${live.why}`);
  const argv = keyed.step.warm?.argv ?? part.step.op.argv;
  const task = {
    ...taskOf(place, mounts.shown),
    step: { ...part.step, op: { ...part.step.op, argv } },
    last: { ...last, changes },
    ...(live.wish && { live: live.wish }),
  };
  let known = knownOf(last);
  if (keyed.step.warm?.mode === 'on') known = { fitness: 'fit', reason: undefined, touches: undefined };
  const probe = () => {
    const { live: _, ...rest } = task;
    return atWork(place, () => warm.probe({ ...rest, mounts: last.mounts, onOutput: () => {} }));
  };
  // What stays writes files when it likes (logs, numbers of processes): a run that changes something says nothing of the step.
  const isKnown = known.fitness === 'fit' || known.fitness === 'clean-only';
  if (!isKnown && live.wish === undefined) {
    const tried = await probe();
    if (tried.outcome === 'cancelled') return { outcome: 'cancelled' };
    known = knownFrom(tried, known.touches);
  }
  if (known.fitness === 'clean-only') return { outcome: 'impossible', reason: known.reason ?? '', known };
  const outcome = await atWork(place, () =>
    warm.run({ ...task, last: { ...task.last, touches: known.touches } }),
  );
  if (live.wish !== undefined && known.fitness === 'unknown') {
    if (outcome.outcome === 'failed') {
      const tried = await probe();
      if (tried.outcome === 'unfit' && tried.fails) {
        return { outcome: 'impossible', reason: tried.reason, known: knownFrom(tried, undefined) };
      }
      if (tried.outcome !== 'cancelled') lane.save({ ...last, fitness: 'reruns' });
    }
    known = { fitness: 'reruns', reason: undefined, touches: undefined };
  }
  if (outcome.outcome === 'failed')
    outcome.failure.hint ??= 'It ran on its own last result. From its base: cambium build';
  const { warm: told } = keyed.step;
  if (outcome.outcome !== 'done')
    return madeOf(outcome, { known, how: 'on-last', mounts: mounts.shown, reads: () => undefined });
  const isTrusted = told?.argv !== undefined || told?.mode === 'safe';
  const { own } = outcome;
  if (!isTrusted) {
    const unread = unreadOf(last.reads, changes, outcome.reads);
    if (unread !== undefined)
      return { outcome: 'impossible', reason: `on its last result it does not look at /${unread}`, known };
    const left = own && leftBehind(warm, known, outcome.snapshot, own);
    if (left !== undefined) return { outcome: 'impossible', ...left };
  }
  if (own !== undefined && hasOtherNames(known, own)) known = knownWithOtherNames(known);
  const reads = (own: WarmPart['reads']) => last.reads && own && mergeReads(last.reads, own);
  return madeOf(outcome, { known, how: 'on-last', mounts: mounts.shown, reads });
}

async function runOnBase(
  place: PartPlace,
  mounts: Readonly<Record<string, WarmMount>>,
  { reason, known: before }: Impossible,
): Promise<Made | Ended> {
  const { running, clean } = place;
  const known = knownWithOtherNames(before);
  if (clean !== undefined && !running.hasBegun()) {
    const { snapshot, reads } = await clean(reason);
    const seenNs = BigInt(Date.now() + 1) * 1_000_000n;
    return { outcome: 'made', how: 'clean', result: snapshot, seenNs, reads, ...known, mounts };
  }
  running.begin(reason);
  const { wish } = liveOf(place);
  const task = { ...taskOf(place, mounts), ...(wish && { live: wish }) };
  const outcome = await atWork(place, () => running.warm.run(task));
  const made = madeOf(outcome, { known, how: 'on-base', mounts, reads: (own) => own });
  if (made.outcome === 'impossible') throw new Error('a run on its base has nothing to conflict with');
  return made;
}

function madeOf(
  outcome: WarmOutcome,
  {
    known,
    reads,
    ...rest
  }: Pick<Made, 'how' | 'mounts'> & { known: Known; reads: (own: WarmPart['reads']) => WarmPart['reads'] },
): Made | Ended | Impossible {
  if (outcome.outcome === 'conflict') return { outcome: 'impossible', reason: outcome.reason, known };
  if (outcome.outcome !== 'done') return outcome;
  const { snapshot: result, seenNs } = outcome;
  return { ...known, ...rest, outcome: 'made', result, seenNs, reads: reads(outcome.reads) };
}

/** What its live builder is for, or why it has none though one is wished for. */
function liveOf({ running, part, index, last }: PartPlace): { wish?: LiveWish; why?: string } {
  const { lane, warm, slot, keyed } = running;
  if (!lane.isLive) return {};
  const why = warm.whyNotLive(part.step.op);
  if (why !== undefined) return { why };
  const { builder, buildFile } = lane;
  const isHazard = (changes: readonly TreeChange[]) =>
    keyed.step.warm?.mode !== 'safe' && hazardIn(changes, [], last?.reads) !== undefined;
  return { wish: { builder, slot, part: index, definition: part.definition, buildFile, isHazard } };
}

function taskOf({ running, part, base, index }: PartPlace, mounts: WarmTask['mounts']): WarmTask {
  const { lane, told, keyed } = running;
  const { timeoutMs, signal, onWait } = lane;
  const limits = computeOf(keyed.step, lane.limits);
  return {
    ...{ step: part.step, base, mounts, limits, timeoutMs, signal },
    joins: index > 0,
    snapshotOf: (id) => told.results.get(id) as SnapshotId,
    onOutput: told.outputOf(keyed),
    onWait: (reason) => onWait(keyed.step.id, reason),
  };
}

/** Runs something with the compute that the step asks for; cancelled when it was given up while it waited for that. */
async function atWork<T>(
  { running }: PartPlace,
  body: () => Promise<T>,
): Promise<T | { outcome: 'cancelled' }> {
  const { lane, keyed, told } = running;
  const { worker, limits, signal, onWait } = lane;
  const { step } = keyed;
  const wait = { onWait: (reason: string) => onWait(step.id, reason), isOver: () => told.hasFailed };
  using held = await reserveFor(step, worker, { limits, signal, ...wait });
  if (held === undefined) return { outcome: 'cancelled' };
  return await body().catch((error) => {
    throw locate(error, step.location);
  });
}
