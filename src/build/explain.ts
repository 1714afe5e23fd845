/** Why a step ran in the last build that ran it, down to the file or setting that changed. */
import { inflateSync } from 'node:zlib';
import { wrongUse } from '../kit/errors.ts';
import { type StepRecord, lastInputs, listBuilds, stepsOf } from '../store/builds.ts';
import type { Store } from '../store/store.ts';
import { type FactChange, compareFacts } from './reasons.ts';

export interface ExplainResult {
  step: Pick<StepRecord, 'step' | 'stage' | 'title' | 'key' | 'state'> & { durationMs?: number };
  build: { id: string; buildFile: string; startedMs: number };
  reason: string | undefined;
  /** What is different from the build before; empty when the step is new, was forced or was only reused. */
  changes: readonly ExplainedChange[];
}

export interface ExplainedChange extends FactChange {
  /** For a fact that stands for files: those that differ. */
  files?: readonly FileChange[];
}

export interface FileChange {
  path: string;
  /** Type, mode and digest, in short; undefined: not there. */
  before: string | undefined;
  after: string | undefined;
}

/** `name`: a stage, a step's id, title or (short) key. The last build that has such a step is looked at. */
export function explain(store: Store, name: string): ExplainResult {
  for (const build of listBuilds(store)) {
    const steps = stepsOf(store, build.id);
    const record = findStep(steps, name);
    if (record === undefined) continue;
    const before = lastInputs(store, build.buildFile, record.slot, build.startedMs);
    const own = before === undefined || record.state === 'reused' ? [] : compareFacts(before, record.inputs);
    const { step, stage, title, key, state, reason, durationMs } = record;
    return {
      step: { step, stage, title, key, state, ...(durationMs !== undefined && { durationMs }) },
      build: { id: build.id, buildFile: build.buildFile, startedMs: build.startedMs },
      reason,
      changes: own.flatMap((change) => explainChange(store, change, steps, build)),
    };
  }
  throw wrongUse('unknown-step', `No build has a step named ${name}.`, {
    hint: '`cambium plan` lists the steps of a build file.',
  });
}

/** A step that ran, if several have the name: the reader asks why it ran. */
function findStep(steps: readonly StepRecord[], name: string): StepRecord | undefined {
  const named = steps.filter(
    (step) => step.step === name || step.stage === name || step.title === name || (name.length >= 6 && step.key?.startsWith(name)),
  );
  const shown = named.filter((step) => !step.internal);
  return shown.find((step) => step.state !== 'reused') ?? shown[0] ?? named[0];
}

/** A change of a mounted input or of the parent is explained by what changed in that step. */
function explainChange(
  store: Store,
  change: FactChange,
  steps: readonly StepRecord[],
  build: { buildFile: string; startedMs: number },
): ExplainedChange[] {
  const files = fileChanges(store, change);
  if (files) return [{ ...change, files }];
  const inputKey = change.name.startsWith('mount ') ? change.after?.split(' ')[0] : undefined;
  const input = inputKey === undefined ? undefined : steps.find((step) => step.internal && step.key === inputKey);
  const before = input && lastInputs(store, build.buildFile, input.slot, build.startedMs);
  if (input === undefined || before === undefined) return [change];
  const inner = compareFacts(before, input.inputs).flatMap((one) => explainChange(store, one, steps, build));
  return inner.length > 0 ? inner : [change];
}

function fileChanges(store: Store, { before, after }: FactChange): FileChange[] | undefined {
  const old = readManifest(store, before);
  const now = readManifest(store, after);
  if (old === undefined || now === undefined) return undefined;
  const paths = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort();
  return paths.filter((path) => old[path] !== now[path]).map((path) => ({ path, before: old[path], after: now[path] }));
}

/** Path → type, mode and digest, as it was when a copy took it. */
function readManifest(store: Store, digest: string | undefined): Record<string, string> | undefined {
  if (!digest?.startsWith('sha256:')) return undefined;
  const row = store.db.prepare('SELECT data FROM manifests WHERE digest = ?').get(digest) as { data: Uint8Array } | undefined;
  return row && (JSON.parse(inflateSync(row.data).toString()) as Record<string, string>);
}
