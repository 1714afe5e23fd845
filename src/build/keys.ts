/**
 * Finds the key of each step, as far as that can be known without running anything: a copy from another step has a key
 * only once that step's result is there, for it is keyed by the content that it takes.
 */
import type { LinkOp, Plan, RunOp, SnapshotId, SourceOp, Step, StepId, StepKey } from '../plan/index.ts';
import type { InputFacts } from '../store/builds.ts';
import type { CacheHit } from '../store/snapshots.ts';
import type { Worker } from '../workers/worker.ts';
import { copyFacts, keyOf, linkFacts, referencedSteps, runFacts, sourceFacts, stepOfMount } from './facts.ts';
import { locate } from './locate.ts';

export interface KeyedStep {
  step: Step;
  /** Undefined while a step that it copies from has to run first. */
  key: StepKey | undefined;
  /** Key by definition, for a copy from other steps: finds the result without their files. */
  alias: StepKey | undefined;
  facts: InputFacts;
  hit: CacheHit | undefined;
}

/** Identity of each source step, looked up once before a build. */
export type Identities = ReadonlyMap<StepId, Readonly<Record<string, string>>>;

export async function identifySources(plan: Plan, worker: Worker, signal?: AbortSignal): Promise<Identities> {
  const sources = plan.steps.flatMap(({ id, op, location }) =>
    op.type === 'source' ? [{ id, source: op.source, location }] : [],
  );
  return new Map(
    await Promise.all(
      sources.map(async ({ id, source, location }) => {
        const identity = await worker.identify(source, signal).catch((error) => {
          throw locate(error, location);
        });
        return [id, identity] as const;
      }),
    ),
  );
}

/**
 * Key of one step, given those of the steps that it names. `results` has the snapshots that are known, by step.
 * `forced` steps are not looked up.
 */
export function keyStep(
  step: Step,
  worker: Worker,
  identities: Identities,
  keys: ReadonlyMap<StepId, StepKey | undefined>,
  results: ReadonlyMap<StepId, SnapshotId>,
): KeyedStep {
  const unknown: KeyedStep = { step, key: undefined, alias: undefined, facts: {}, hit: undefined };
  const base = step.base && keys.get(step.base);
  if (step.base !== undefined && base === undefined) return unknown;
  const named = referencedSteps(step);
  if (named.some((id) => keys.get(id) === undefined)) return unknown;
  const { op } = step;
  const find = (key: StepKey) => (step.noCache ? undefined : worker.find(key));
  if (op.type === 'copy') {
    try {
      return keyCopy(step, { worker, keys, results, base, find });
    } catch (error) {
      throw locate(error, step.location);
    }
  }
  const facts = factsOf(op, base, { keys, identity: identities.get(step.id) ?? {} });
  const key = keyOf(facts);
  return { step, key, alias: undefined, facts, hit: find(key) };
}

function factsOf(
  op: SourceOp | LinkOp | RunOp,
  base: StepKey | undefined,
  {
    keys,
    identity,
  }: { keys: ReadonlyMap<StepId, StepKey | undefined>; identity: Readonly<Record<string, string>> },
): InputFacts {
  switch (op.type) {
    case 'source':
      return sourceFacts(op, identity);
    case 'link':
      return linkFacts(base, keys.get(op.step));
    case 'run': {
      const mounts = op.mounts.map((mount) => {
        const shown = stepOfMount(mount);
        return shown && keys.get(shown);
      });
      const { root } = op;
      const builder =
        root.type === 'builder' && root.builder !== 'host' ? keys.get(root.builder.step) : undefined;
      return runFacts(op, base, mounts, builder);
    }
  }
}

function keyCopy(
  step: Step,
  look: {
    worker: Worker;
    keys: ReadonlyMap<StepId, StepKey | undefined>;
    results: ReadonlyMap<StepId, SnapshotId>;
    base: StepKey | undefined;
    find: (key: StepKey) => CacheHit | undefined;
  },
): KeyedStep {
  const { op } = step as Step & { op: { type: 'copy' } };
  const { worker, keys, results, base, find } = look;
  const fromSteps = op.copies.some(({ from }) => from.type === 'step');
  let alias: StepKey | undefined;
  if (fromSteps) {
    const contents = op.copies.map((copy) =>
      copy.from.type === 'step' ? (keys.get(copy.from.step) as StepKey) : worker.contentOf(copy, missing),
    );
    const facts = copyFacts(op, base, contents);
    alias = keyOf(facts);
    const hit = find(alias);
    if (hit) return { step, key: hit.canonical, alias, facts, hit };
    if (referencedSteps(step).some((id) => !results.has(id)))
      return { step, key: undefined, alias, facts, hit: undefined };
  }
  const facts = copyFacts(
    op,
    base,
    op.copies.map((copy) => worker.contentOf(copy, (id) => results.get(id) as SnapshotId)),
  );
  const key = keyOf(facts);
  return { step, key, alias, facts, hit: find(key) };
}

function missing(): never {
  throw new Error('a copy from a folder asked for a snapshot');
}

/**
 * Reads what a copy takes of folders, and of those steps whose results are there, while signals have their turns: a key then
 * costs nothing. What can't be read is told by who needs it.
 */
export async function readAhead(
  { op }: Step,
  worker: Worker,
  results: ReadonlyMap<StepId, SnapshotId>,
  signal: AbortSignal,
): Promise<void> {
  for (const copy of op.type === 'copy' ? op.copies : []) {
    const { from } = copy;
    if (from.type === 'inline' || (from.type === 'step' && !results.has(from.step))) continue;
    await worker.readAhead(copy, (id) => results.get(id) as SnapshotId, signal).catch(() => {});
    signal.throwIfAborted();
  }
}

/** Keys of all steps of a plan, as far as they can be known now. */
export function keyPlan(plan: Plan, worker: Worker, identities: Identities): Map<StepId, KeyedStep> {
  const keyed = new Map<StepId, KeyedStep>();
  const keys = new Map<StepId, StepKey | undefined>();
  const results = new Map<StepId, SnapshotId>();
  for (const step of plan.steps) {
    const result = keyStep(step, worker, identities, keys, results);
    keyed.set(step.id, result);
    keys.set(step.id, result.key);
    if (result.hit) results.set(step.id, result.hit.snapshot);
  }
  return keyed;
}

/** As `keyPlan`, but what has to be read for it is read while signals have their turns. */
export async function keyPlanInTurns(
  plan: Plan,
  worker: Worker,
  identities: Identities,
  signal: AbortSignal,
): Promise<Map<StepId, KeyedStep>> {
  for (const step of plan.steps) await readAhead(step, worker, new Map(), signal);
  return keyPlan(plan, worker, identities);
}
