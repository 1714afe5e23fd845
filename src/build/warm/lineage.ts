/**
 * What a step's files came from, apart from files that were copied: images and commands. When one of those is another, the
 * step runs from its base: tools go by the times of their inputs, and don't see that a compiler is a newer one.
 */
import { canonicalJson, sha256 } from '../../kit/digest.ts';
import type { Plan, RunOp, SourceOp, Step, StepId, StepKey } from '../../plan/index.ts';
import { type InputFacts, inputsOfKey } from '../../store/builds.ts';
import type { Store } from '../../store/store.ts';
import { referencedSteps, runFacts, sourceFacts } from '../facts.ts';
import type { Identities } from '../keys.ts';
import { definitionOf } from './parts.ts';

/** Of each step: a digest of what its base and its mounts came from. */
export function lineagesOf(plan: Plan, identities: Identities): Map<StepId, string> {
  const lineages = new Map<StepId, string>();
  /** With the step itself. */
  const whole = new Map<StepId, string>();
  for (const step of plan.steps) {
    const named = [...(step.base ? [step.base] : []), ...referencedSteps(step)];
    const lineage = sha256(canonicalJson(named.map((id) => whole.get(id) as string)));
    lineages.set(step.id, lineage);
    whole.set(step.id, sha256(canonicalJson([lineage, ownOf(step, identities)])));
  }
  return lineages;
}

function ownOf({ id, op }: Step, identities: Identities): unknown {
  if (op.type === 'run') return definitionOf(op);
  if (op.type === 'source') return isCode(op) ? op.source.type : (identities.get(id) ?? null);
  return op.type;
}

/** What is fetched by ADD is sources, as in a copy. */
function isCode({ source }: SourceOp): boolean {
  return source.type === 'http' || source.type === 'git';
}

/**
 * Whether the base of an earlier result of `step`, which had the facts `then`, came from the same images and commands. Of
 * what was copied from other stages nothing is known.
 */
export function isOfSameLineage(
  store: Store,
  plan: Plan,
  identities: Identities,
  step: Step,
  then: InputFacts,
): boolean {
  const steps = new Map(plan.steps.map((one) => [one.id, one]));
  let [now, parent] = [step.base, then['parent']];
  while (now !== undefined && parent !== undefined) {
    const base = steps.get(now) as Step;
    const facts = inputsOfKey(store, parent as StepKey);
    if (facts === undefined || !isSame(base, facts, identities)) return false;
    [now, parent] = [base.base, facts['parent']];
  }
  return now === parent;
}

function isSame({ id, op }: Step, then: InputFacts, identities: Identities): boolean {
  if (op.type === 'run') return commandFacts(then) === commandFacts(commandOf(op));
  if (op.type === 'source' && !isCode(op)) {
    return canonicalJson(then) === canonicalJson(sourceFacts(op, identities.get(id) ?? {}));
  }
  return then['kind']?.split(' ')[0] === op.type;
}

function commandOf(op: RunOp): InputFacts {
  return runFacts(op, undefined, [], undefined);
}

/** The facts that say what is run; those of its base, mounts and builder say on what. */
function commandFacts(facts: InputFacts): string {
  const own = Object.entries(facts).filter(
    ([name]) => name !== 'parent' && name !== 'root folder' && !name.startsWith('mount '),
  );
  return canonicalJson(Object.fromEntries(own));
}
