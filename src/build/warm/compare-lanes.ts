/**
 * Holds what the warm lane made against a clean build of the same plan, step by step. What two clean builds make
 * differently as well is told apart: that is the step's own doing.
 */
import { timelessName } from '../../kit/time-names.ts';
import type { Plan, RunOp, SnapshotId, Step, StepId } from '../../plan/index.ts';
import type { TreeChange, WarmWorker } from '../../workers/warm.ts';
import type { StepTask, Worker } from '../../workers/worker.ts';
import { referencedSteps } from '../facts.ts';

export interface LanesRequest extends Pick<StepTask, 'limits' | 'timeoutMs' | 'signal'> {
  plan: Plan;
  worker: Worker;
  warm: WarmWorker;
  /** Results of a clean build, and of the warm one, by step. */
  clean: ReadonlyMap<StepId, SnapshotId>;
  warmResults: ReadonlyMap<StepId, SnapshotId>;
}

/** A step after which the two are no longer alike, though it started from what was. */
export interface Drift {
  step: Step;
  /** From the clean build to the warm one. */
  changes: readonly TreeChange[];
}

export interface Lanes {
  drifts: Drift[];
  /** Steps of which two clean builds differ, and where. */
  unsteady: Drift[];
}

type Results = ReadonlyMap<StepId, SnapshotId>;

export async function compareLanes(request: LanesRequest): Promise<Lanes> {
  const { plan, warm, clean, warmResults } = request;
  const differences = differencesOf(plan, warm, clean, warmResults);
  if (differences.size === 0) return { drifts: [], unsteady: [] };
  const again = await buildAgain(request, differences);
  const unsteady = differencesOf(plan, warm, clean, again);
  const drifting = new Map<StepId, TreeChange[]>();
  for (const [id, changes] of differences) {
    const own = new Set([...(unsteady.get(id) ?? []).map(nameOf), ...namedByTime(changes)]);
    const left = changes.filter((change) => !own.has(nameOf(change)));
    if (left.length > 0) drifting.set(id, left);
  }
  return { drifts: firstCauses(plan, drifting), unsteady: firstCauses(plan, unsteady) };
}

const nameOf = ({ path }: TreeChange) => timelessName(path);

/** Names with a time in them under which both have something: two clean builds within one second give the same. */
function namedByTime(changes: readonly TreeChange[]): string[] {
  const gone = new Set(changes.filter(({ kind }) => kind === 'removed').map(nameOf));
  return changes.flatMap((change) =>
    change.kind === 'added' && nameOf(change) !== change.path && gone.has(nameOf(change))
      ? [nameOf(change)]
      : [],
  );
}

function differencesOf(
  plan: Plan,
  warm: WarmWorker,
  before: Results,
  after: Results,
): Map<StepId, TreeChange[]> {
  const found = new Map<StepId, TreeChange[]>();
  for (const { id } of plan.steps) {
    const [one, other] = [before.get(id), after.get(id)];
    if (one === undefined || other === undefined) continue;
    const changes = warm.compare(one, other);
    if (changes.length > 0) found.set(id, changes);
  }
  return found;
}

/** Of each step what differs there first: what its base, or what it copies from, brings along isn't its doing. */
function firstCauses(plan: Plan, differences: ReadonlyMap<StepId, readonly TreeChange[]>): Drift[] {
  return plan.steps.flatMap((step) => {
    const changes = differences.get(step.id);
    if (changes === undefined || referencedSteps(step).some((id) => differences.has(id))) return [];
    const inherited = new Set((step.base && differences.get(step.base))?.map(({ path }) => path));
    const own = changes.filter(({ path }) => !inherited.has(path));
    return own.length > 0 ? [{ step, changes: own }] : [];
  });
}

/** Builds the steps that differ, and all that stands on them, once more from clean results; files none of it. */
async function buildAgain(
  { plan, worker, warm, clean, limits, timeoutMs, signal }: LanesRequest,
  differences: ReadonlyMap<StepId, unknown>,
): Promise<Results> {
  const results = new Map(clean);
  for (const step of plan.steps) {
    const named = [...(step.base ? [step.base] : []), ...referencedSteps(step)];
    const isOther = named.some((id) => results.get(id) !== clean.get(id));
    if (!clean.has(step.id) || !(isOther || (differences.has(step.id) && step.op.type === 'run'))) continue;
    const base = step.base && results.get(step.base);
    const snapshotOf = (id: StepId) => results.get(id) as SnapshotId;
    const task = { base, snapshotOf, limits, timeoutMs, signal, onOutput: () => {} };
    const outcome =
      step.op.type === 'run'
        ? await warm.run({ ...task, step: step as Step & { op: RunOp }, mounts: {}, isProbe: true })
        : await worker.execute({
            ...task,
            step,
            key: '' as StepTask['key'],
            alias: undefined,
            isUnfiled: true,
          });
    signal.throwIfAborted();
    // A step that fails now and then is unsteady in another way: the clean build that went well counts.
    if (outcome.outcome === 'done') results.set(step.id, outcome.snapshot);
  }
  return results;
}
