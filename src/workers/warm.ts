/**
 * What a worker does for the warm lane, where a step starts from its own last result. Its results are filed under no
 * key: the caller keeps their snapshots.
 */
import type { Entry } from '../kit/tree.ts';
import type { RunOp, SnapshotId, Step, StepUsage } from '../plan/index.ts';
import type { LiveBuilder } from '../store/live.ts';
import type { Reads, WarmMount } from '../store/warm.ts';
import type { StepOutcome, StepTask } from './worker.ts';

/** A path that differs between two snapshots; times alone are no difference. */
export interface TreeChange {
  /** From the snapshot's root, without `/` in front. */
  path: string;
  /**
   * `replaced`: by something of another type. `content`: of a file, link or device, its metadata perhaps as well.
   * All that a removed or replaced folder held is gone with it and not told; all that a new one holds is.
   */
  kind: 'added' | 'removed' | 'replaced' | 'content' | 'metadata';
  before?: Entry;
  after?: Entry;
}

export interface WarmTask extends Pick<StepTask, 'limits' | 'timeoutMs' | 'signal' | 'onOutput' | 'onWait'> {
  step: Step & { op: RunOp };
  /** What the step runs on now; its mounts' snapshots by target. */
  base: SnapshotId | undefined;
  mounts: Readonly<Record<string, WarmMount>>;
  /** The snapshots of other steps that it sees, where `mounts` doesn't name them. */
  snapshotOf: StepTask['snapshotOf'];
  /** Its last result, brought up to date by what changed in its base; without one it starts from the base. */
  last?: LastResult;
  /** `base` is the result of an earlier part of the same step. */
  joins?: boolean;
  /** Only to see what it does: nothing is kept of it. */
  isProbe?: boolean;
  /** It runs in a container that stays, with what earlier runs of it left running there. */
  live?: LiveWish;
}

/** What a live builder is for: one part of one step. */
export interface LiveWish
  extends Pick<LiveBuilder, 'builder' | 'slot' | 'part' | 'definition' | 'buildFile'> {
  /** Whether these changes make what it holds untrustworthy. */
  isHazard(changes: readonly TreeChange[]): boolean;
}

export interface LastResult {
  result: SnapshotId;
  /** What it was made on. */
  base: SnapshotId | undefined;
  /** What of the base is different now. */
  changes: readonly TreeChange[];
  /** No time in it that a run set is later. */
  seenNs: bigint;
  /** What its runs did with the base, as far as that is known. */
  reads: Reads | undefined;
  /** See `Fit`. */
  touches?: ReadonlySet<string> | undefined;
}

export type WarmOutcome =
  | {
      outcome: 'done';
      snapshot: SnapshotId;
      durationMs: number;
      usage?: StepUsage;
      seenNs: bigint;
      /** Paths of the base that the run opened or changed; undefined where that can't be told. */
      reads: Reads | undefined;
      /** Of a run on the last result; undefined where that can't be told. */
      own?: OwnUses | undefined;
    }
  /** The changes can't be put into the last result, because of `reason`: the step has something else there, for one. */
  | { outcome: 'conflict'; reason: string }
  | Exclude<StepOutcome, { outcome: 'done' }>;

/** What a run on the last result did with what the runs before it had made. */
export interface OwnUses {
  /** Files that it opened or changed; a folder that it removed or replaced has a `/` at its end, and stands for all below it. */
  touched: ReadonlySet<string>;
  /** Files of its own at paths where it had none. */
  added: readonly string[];
  /** Paths of its own at which there is nothing any more. */
  removed: readonly string[];
}

export interface WarmWorker {
  /** What differs between two snapshots. Costs what was changed since they parted. */
  compare(before: SnapshotId | undefined, after: SnapshotId | undefined): TreeChange[];
  /** Runs a step, on its last result if there is one. */
  run(task: WarmTask): Promise<WarmOutcome>;
  /** Brings a last result up to date without running anything. No time in it lies ahead. */
  carry(
    step: Pick<Step, 'stage' | 'title'>,
    last: Omit<LastResult, 'reads'>,
    base: SnapshotId | undefined,
    signal: AbortSignal,
  ): Promise<WarmOutcome>;
  /** Runs a step once more on its result with nothing changed. Says why it is not fit for that, or undefined. */
  probe(task: WarmTask & { last: LastResult }): Promise<Fit | { outcome: 'cancelled' } | Unfit>;
  /** Those of `paths` at which a snapshot has a file. */
  filesAt(snapshot: SnapshotId, paths: readonly string[]): string[];
  /** Why an operation can't run in a live builder, in words for people; undefined when it can. */
  whyNotLive(op: RunOp): string | undefined;
  /**
   * Removes what nothing stands on any more of what the warm lane made, and ends live builders of the warm builder `builder`
   * that stand for no last result of it.
   */
  sweep(builder: string): Promise<void>;
}

export interface Fit {
  outcome: 'fit';
  /**
   * What it touches of its own files with nothing changed; undefined where that can't be told. Of files that it makes at each
   * run with the time in their names: `timelessName`.
   */
  touches: ReadonlySet<string> | undefined;
}

export interface Unfit {
  outcome: 'unfit';
  /** It fails; else it changes what it made. */
  fails: boolean;
  reason: string;
}
