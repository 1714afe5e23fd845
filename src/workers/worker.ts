/**
 * What carries out steps. The scheduler sees steps, keys and snapshots; how a worker forks, runs and commits is its
 * own affair, and so is where it does it.
 */
import type {
  Compute,
  Copy,
  SnapshotId,
  Source,
  Step,
  StepFailure,
  StepId,
  StepKey,
  StepUsage,
} from '../plan/index.ts';
import type { CacheHit } from '../store/snapshots.ts';
import type { Reads } from '../store/warm.ts';

export interface Worker {
  /** What is filed under a key. */
  find(key: StepKey): CacheHit | undefined;
  /** Keeps a snapshot from being pruned while this worker lives; false when it is gone. */
  lease(snapshot: SnapshotId): boolean;
  /**
   * Digest of what a copy takes from a folder of the host or from another step's snapshot, by path of the copy. What
   * was digested is what `execute` copies, or it fails.
   */
  contentOf(copy: Copy, snapshotOf: SnapshotOf): ContentFacts;
  /** Reads what `contentOf` will ask for, so that this is quick; others have their turns meanwhile. */
  readAhead(copy: Copy, snapshotOf: SnapshotOf, signal: AbortSignal): Promise<void>;
  /** What identifies a source and its content, as `name → digest`. */
  identify(source: Source, signal?: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /** Throws a UserError for compute that this worker can never give. */
  checkCompute(compute: Compute): void;
  /** Holds compute for a step until it is disposed of; waits while it isn't free. Undefined when it was given up. */
  reserve(compute: Compute, wait: ComputeWait): Promise<Disposable | undefined>;
  /** Runs a step on a fork of its base and files the result under its key. */
  execute(task: StepTask): Promise<StepOutcome>;
  /** Content of one file of a snapshot, or undefined. */
  readFile(snapshot: SnapshotId, path: string): Buffer | undefined;
  /** Ends all that the worker has under way. */
  close(): void;
}

export interface ComputeWait {
  signal: AbortSignal;
  /** Called once, with what is in the way, in words. */
  onWait: (reason: string) => void;
  /** Asked while it waits: whether nobody needs it any more. */
  isOver?: () => boolean;
}

/** The snapshot of another step of the plan. */
export type SnapshotOf = (step: StepId) => SnapshotId;

export type ContentFacts = Readonly<Record<string, string>>;

export interface StepTask {
  step: Step;
  key: StepKey;
  /** Another key under which the result is filed too. */
  alias: StepKey | undefined;
  base: SnapshotId | undefined;
  /** Of the warm lane: no key may find the result. */
  isUnfiled?: boolean;
  /** Of the warm lane: what the same copy gave last, and on what. The new result is a difference to it, where it can be. */
  last?: { result: SnapshotId; base: SnapshotId | undefined };
  /** Find out which paths of the base a run reads: `reads` of its outcome. */
  isTraced?: boolean;
  snapshotOf: SnapshotOf;
  limits: Compute;
  timeoutMs: number | undefined;
  signal: AbortSignal;
  /** Other commands of the build are still to run: what they need can be made ready. */
  isFollowed?: boolean;
  onOutput: (stream: 'stdout' | 'stderr', text: string) => void;
  /** Called when the step has to wait for something, with what it is in words. */
  onWait?: (reason: string) => void;
}

export type StepOutcome =
  | {
      outcome: 'done';
      snapshot: SnapshotId;
      durationMs: number;
      usage?: StepUsage;
      reads?: Reads | undefined;
    }
  | {
      outcome: 'failed';
      failure: Omit<StepFailure, 'tail' | 'location' | 'workspaceKept'>;
      workspace: string | undefined;
      usage?: StepUsage;
    }
  | { outcome: 'cancelled' };
