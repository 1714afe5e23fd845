/** Plans of one Dockerfile for several platforms → one plan: steps that are the same for several are there once. */
import { sha256 } from '../../../kit/digest.ts';
import type { Plan, PlanResult, Platform, Step, StepId } from '../../../plan/index.ts';
import { renameSteps } from '../../rename-steps.ts';
import { formatPlatform } from '../language/platform.ts';

interface PlatformPlan {
  platform: Platform;
  plan: Plan;
}

/** The first plan's result stays the result. Steps of one platform alone have its name in theirs and in their stage's. */
export function mergePlans(plans: readonly PlatformPlan[]): Plan {
  const definitions = plans.map(({ plan }) => define(plan));
  const counts = new Map<string, number>();
  for (const own of definitions)
    for (const definition of new Set(own.values())) counts.set(definition, (counts.get(definition) ?? 0) + 1);
  const steps: Step[] = [];
  const shared = new Map<string, StepId>();
  const results = plans.map(({ platform, plan }, at): PlanResult => {
    const name = formatPlatform(platform);
    const ids = new Map<StepId, StepId>();
    for (const step of plan.steps) {
      const definition = definitions[at]?.get(step.id) as string;
      const isShared = (counts.get(definition) ?? 0) > 1;
      const known = isShared ? shared.get(definition) : undefined;
      const id = known ?? ((isShared ? `${step.id} (shared)` : `${step.id} (${name})`) as StepId);
      ids.set(step.id, id);
      if (known !== undefined) continue;
      if (isShared) shared.set(definition, id);
      const stage = isShared ? step.stage : `${step.stage} (${name})`;
      steps.push({ ...renameSteps(step, (old) => ids.get(old) as StepId), stage });
    }
    return resultOf(plan, ids);
  });
  const [first, ...others] = results as [PlanResult, ...PlanResult[]];
  return { version: 1, steps, ...first, others };
}

/** What each step is, with those that it stands on: equal for equal steps of different plans. */
function define(plan: Plan): Map<StepId, string> {
  const definitions = new Map<StepId, string>();
  for (const step of plan.steps) {
    const named = renameSteps(step, (id) => (definitions.get(id) ?? '') as StepId);
    // A source is the same whichever stage named it first.
    const what = step.op.type === 'source' ? step.op : named;
    definitions.set(step.id, sha256(JSON.stringify(what)));
  }
  return definitions;
}

function resultOf({ result, image }: Plan, ids: ReadonlyMap<StepId, StepId>): PlanResult {
  const newId = (id: StepId) => ids.get(id) as StepId;
  const history = image.history?.map((line) => (line.step ? { ...line, step: newId(line.step) } : line));
  return { result: newId(result), image: { ...image, ...(history && { history }) } };
}
