/** What became of each step of a build, told as events and kept for its record. */
import type { EventSink, SnapshotId, StepFailure, StepId, StepKey, StepUsage } from '../plan/index.ts';
import type { StepState } from '../store/builds.ts';
import type { StepOutcome, StepTask } from '../workers/worker.ts';
import type { KeyedStep } from './keys.ts';
import { whereIn } from './locate.ts';

export interface StepReport {
  keyed: KeyedStep;
  state: StepState;
  reason?: string;
  durationMs?: number;
  usage?: StepUsage | undefined;
  snapshot?: SnapshotId;
  workspace?: string;
  failure?: StepFailure;
}

/** A step with a key. */
export type Keyed = KeyedStep & { key: StepKey };

/** Ends the steps that depend on one that failed or was cancelled. */
export class NotRealised extends Error {}

export interface Reports {
  readonly reports: Map<StepId, StepReport>;
  /** Of the steps whose results are there: the keys that others build upon, and the results. */
  readonly keys: Map<StepId, StepKey | undefined>;
  readonly results: Map<StepId, SnapshotId>;
  /** One failure stops what hasn't begun; what is at work goes on, so that its result isn't lost. */
  hasFailed: boolean;
  reuse(keyed: KeyedStep): SnapshotId;
  begin(keyed: Keyed, reason: string): void;
  /** Where the step's output goes. */
  outputOf(keyed: KeyedStep): StepTask['onOutput'];
  /** The error that ends what depends on the step. */
  cancel(keyed: KeyedStep, reason: string): NotRealised;
  /** The snapshot of a step that ran; throws `NotRealised` when it didn't end well. */
  conclude(keyed: Keyed, reason: string, outcome: StepOutcome): SnapshotId;
}

export function openReports(
  onEvent: EventSink,
  /** Last lines of a step's output. */
  tailOf: (step: StepId) => readonly string[],
): Reports {
  const reports = new Map<StepId, StepReport>();
  const keys = new Map<StepId, StepKey | undefined>();
  const results = new Map<StepId, SnapshotId>();

  const cancel = (keyed: KeyedStep, reason: string): NotRealised => {
    const { step } = keyed;
    if (!reports.has(step.id)) {
      reports.set(step.id, { keyed, state: 'cancelled' });
      onEvent({ type: 'step-cancelled', at: Date.now(), step: step.id, reason });
    }
    return new NotRealised();
  };

  const all: Reports = {
    ...{ reports, keys, results, hasFailed: false, cancel },
    reuse(keyed) {
      const { step, hit } = keyed as KeyedStep & { hit: NonNullable<KeyedStep['hit']> };
      const { snapshot, canonical: key, durationMs } = hit;
      keys.set(step.id, key);
      results.set(step.id, snapshot);
      reports.set(step.id, { keyed, state: 'reused', snapshot, durationMs });
      onEvent({ type: 'step-reused', at: Date.now(), step: step.id, key, snapshot, savedMs: durationMs });
      return snapshot;
    },
    begin({ step, key }, reason) {
      onEvent({ type: 'step-started', at: Date.now(), step: step.id, key, reason });
    },
    outputOf:
      ({ step }) =>
      (stream, text) =>
        onEvent({ type: 'step-output', at: Date.now(), step: step.id, stream, text }),
    conclude(keyed, reason, outcome) {
      const { step, key } = keyed;
      if (outcome.outcome === 'cancelled') throw cancel(keyed, 'it was stopped');
      const used = outcome.usage && { usage: outcome.usage };
      if (outcome.outcome === 'failed') {
        all.hasFailed = true;
        const tail = tailOf(step.id);
        const failure: StepFailure = {
          ...outcome.failure,
          ...whereIn(step, { ...outcome.failure, tail }),
          tail,
          workspaceKept: outcome.workspace !== undefined,
        };
        const kept = outcome.workspace === undefined ? {} : { workspace: outcome.workspace };
        reports.set(step.id, { keyed, state: 'failed', reason, failure, ...kept, ...used });
        onEvent({ type: 'step-failed', at: Date.now(), step: step.id, failure, ...used });
        throw new NotRealised();
      }
      const { snapshot, durationMs } = outcome;
      keys.set(step.id, key);
      results.set(step.id, snapshot);
      reports.set(step.id, { keyed, state: 'ran', reason, durationMs, snapshot, ...used });
      onEvent({ type: 'step-done', at: Date.now(), step: step.id, key, snapshot, durationMs, ...used });
      return snapshot;
    },
  };
  return all;
}

/** Steps below the first that was found were never looked at: tell those that are there as reused. */
export function reportUntouched(known: ReadonlyMap<StepId, KeyedStep>, { reports, reuse }: Reports): void {
  for (const [id, keyed] of known) if (keyed.hit && !reports.has(id)) reuse(keyed);
}
