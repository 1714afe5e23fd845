/** Why a step ran in the last build that has it, down to the file or setting that changed. */
import { wrongUse } from '../kit/errors.ts';
import { listBuilds, type StepRecord, stepsOf } from '../store/builds.ts';
import type { Store } from '../store/store.ts';
import { changesSince, type FactChange } from './changes.ts';

export interface ExplainResult {
  step: Pick<StepRecord, 'step' | 'stage' | 'title' | 'key' | 'state' | 'location'> & { durationMs?: number };
  /** `isLast`: no build of this build file came after it. Those that did have no such step. */
  build: { id: string; buildFile: string; startedMs: number; isLast: boolean };
  reason: string | undefined;
  /** What is different from the build before; empty when the step is new, was forced or was only reused. */
  changes: readonly FactChange[];
}

/** `name`: a stage, a step's id, title or (short) key. The last build that has such a step is looked at. */
export function explain(store: Store, name: string): ExplainResult {
  const builds = listBuilds(store);
  for (const build of builds) {
    const steps = stepsOf(store, build.id);
    const record = findStep(steps, name);
    if (record === undefined) continue;
    const { step, stage, title, key, state, reason, durationMs, location } = record;
    const inputStep = (wanted: string) => steps.find((other) => other.internal && other.key === wanted);
    const changes =
      state === 'reused'
        ? []
        : (changesSince({ store, ...build, inputStep }, record.slot, record.inputs) ?? []);
    return {
      step: { step, stage, title, key, state, location, ...(durationMs !== undefined && { durationMs }) },
      build: {
        ...{ id: build.id, buildFile: build.buildFile, startedMs: build.startedMs },
        isLast: builds.find(({ buildFile }) => buildFile === build.buildFile) === build,
      },
      reason,
      changes: changes.map((change) => withParent(change, steps)),
    };
  }
  throw wrongUse('unknown-step', `No build has a step named ${name}.`, {
    hint: '`cambium plan` lists the steps of a build file.',
  });
}

/** A step that ran, if several have the name: the reader asks why it ran. */
function findStep(steps: readonly StepRecord[], name: string): StepRecord | undefined {
  const named = steps.filter(
    (step) =>
      step.step === name ||
      step.stage === name ||
      step.title === name ||
      (name.length >= 6 && step.key?.startsWith(name)),
  );
  const shown = named.filter((step) => !step.internal);
  return shown.find((step) => step.state !== 'reused') ?? shown[0] ?? named[0];
}

/** The step before is told by its stage too: a key alone says nothing to people. */
function withParent(change: FactChange, steps: readonly StepRecord[]): FactChange {
  if (change.name !== 'parent') return change;
  const parent = steps.find(({ key }) => key === change.after);
  return parent === undefined ? change : { ...change, stage: parent.stage };
}
