/** How much of the machine the commands of a plan ask for. */
import type { Compute, Plan, Step, StepId } from '../plan/index.ts';
import type { ComputeWait, Worker } from '../workers/worker.ts';
import type { KeyedStep } from './keys.ts';
import { locate } from './locate.ts';

/** What a step's command may use: what the step says, and else the limits of the build. */
export function computeOf(step: Step, limits: Compute): Compute {
  return step.op.type === 'run' ? { ...limits, ...step.compute } : {};
}

/** Throws when a step that may run asks for more than there is, before any runs. */
export function checkPlan(
  { steps }: Plan,
  worker: Worker,
  {
    needed,
    known,
    limits,
  }: { needed: ReadonlySet<StepId>; known: ReadonlyMap<StepId, KeyedStep>; limits: Compute },
): void {
  for (const step of steps) {
    if (!needed.has(step.id) || known.get(step.id)?.hit) continue;
    try {
      worker.checkCompute(computeOf(step, limits));
    } catch (error) {
      throw locate(error, step.location);
    }
  }
}

/** Holds what the step asks for; undefined when it was given up while it waited. */
export function reserveFor(
  step: Step,
  worker: Worker,
  { limits, ...wait }: { limits: Compute } & ComputeWait,
): Promise<Disposable | undefined> {
  return worker.reserve(computeOf(step, limits), wait);
}
