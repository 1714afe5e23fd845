/**
 * The warm lane: a step that must run starts from its own last result, brought up to date by what changed in its base.
 *
 * Of each step, and of each part of a command that was split at its `&&`, the store keeps the last good result and the
 * base that it was made on. A rebuild compares that base with the one there is now, path by path, times apart. Copies onto
 * a clean base are made by the clean lane, so that what a COPY means is said in one place; what changed in them is such a
 * difference too. What the lane makes is filed under no key. A step whose inputs are all clean, and which has no last
 * result, runs in the clean lane, and its result is as good as that of a build.
 */
import type { Plan, RunOp, SnapshotId, Step, StepId } from '../../plan/index.ts';
import type { Store } from '../../store/store.ts';
import { saveWarmPart, type WarmPart, warmPartsOf } from '../../store/warm.ts';
import type { WarmWorker } from '../../workers/warm.ts';
import type { StepTask, Worker } from '../../workers/worker.ts';
import { referencedSteps } from '../facts.ts';
import type { Identities, KeyedStep } from '../keys.ts';
import type { Keyed, Reports } from '../reports.ts';
import { lineagesOf } from './lineage.ts';
import { hasRead } from './reads.ts';
import { runParts } from './run-parts.ts';

export interface LaneRequest {
  store: Store;
  worker: Worker;
  warm: () => Promise<WarmWorker>;
  plan: Plan;
  buildFile: string;
  /** Names the warm builder. */
  builder: string;
  slots: ReadonlyMap<StepId, string>;
  identities: Identities;
  /** Steps run in containers that stay. */
  isLive: boolean;
  limits: StepTask['limits'];
  timeoutMs: number | undefined;
  signal: AbortSignal;
  /** Told when a step waits, and for what. */
  onWait: (step: StepId, reason: string) => void;
}

/** What all of a rebuild's steps share. */
export interface Lane extends LaneRequest {
  /** Last results, by slot. */
  parts: Map<string, WarmPart[]>;
  lineages: ReadonlyMap<StepId, string>;
  save(part: WarmPart): void;
  isReadBySome(path: string): boolean;
  isWarm(id: StepId): boolean;
}

/** Runs a step by the clean lane, because of `reason`; its result is filed under its key. */
export type CleanRun = (reason?: string) => Promise<{ snapshot: SnapshotId; reads: WarmPart['reads'] }>;

export interface OpenLane {
  /** Gives a step whose key is filed nowhere its result. */
  perform(keyed: Keyed, told: Reports, clean: CleanRun): Promise<SnapshotId>;
  /** Whether a step's result may be other than that of a clean build. */
  isWarm(id: StepId, known: ReadonlyMap<StepId, KeyedStep>): boolean;
}

export function openLane(request: LaneRequest): OpenLane {
  const { store, builder, plan } = request;
  const warmSteps = new Set<StepId>();
  const steps = new Map(plan.steps.map((step) => [step.id, step]));
  const parts = warmPartsOf(store.db, builder);
  const lane: Lane = {
    ...request,
    parts,
    lineages: lineagesOf(plan, request.identities),
    save(part) {
      saveWarmPart(store.db, builder, part);
      const others = (parts.get(part.slot) ?? []).filter((other) => other.part !== part.part);
      parts.set(
        part.slot,
        [...others, part].sort((a, b) => a.part - b.part),
      );
    },
    isReadBySome: (path) =>
      [...parts.values()].flat().some(({ reads }) => reads !== undefined && hasRead(reads, path)),
    isWarm: (id) => warmSteps.has(id),
  };
  const hasWarmInput = (step: Step) =>
    [...(step.base ? [step.base] : []), ...referencedSteps(step)].some((id) => warmSteps.has(id));

  return {
    async perform(keyed, told, clean) {
      const { step } = keyed;
      const isPure = !hasWarmInput(step);
      if (step.op.type !== 'run') {
        if (isPure) return (await clean()).snapshot;
        warmSteps.add(step.id);
        return copyWarm(lane, keyed, told);
      }
      const run = { ...keyed, step: step as Step & { op: RunOp } };
      const { snapshot, isWarm } = await runParts(lane, run, told, isPure ? clean : undefined);
      if (isWarm) warmSteps.add(step.id);
      return snapshot;
    },
    isWarm(id, known) {
      if (known.get(id)?.hit) return false;
      if (warmSteps.has(id)) return true;
      const step = steps.get(id) as Step;
      const named = [...(step.base ? [step.base] : []), ...referencedSteps(step)];
      return named.some((other) => this.isWarm(other, known));
    },
  };
}

/** A copy that takes from, or is made onto, what the warm lane made. */
async function copyWarm(lane: Lane, keyed: Keyed, told: Reports): Promise<SnapshotId> {
  const { step, key, alias } = keyed;
  const slot = lane.slots.get(step.id) as string;
  const [last] = lane.parts.get(slot) ?? [];
  const base = step.base && told.results.get(step.base);
  if (last?.key === key && last.base === base && lane.worker.lease(last.result))
    return told.reuse({ ...keyed, hit: { snapshot: last.result, canonical: key, durationMs: 0 } });
  const { limits, timeoutMs, signal } = lane;
  told.begin(keyed, 'what it copies, or copies onto, changed');
  const outcome = await lane.worker.execute({
    ...{ step, key, alias, base, limits, timeoutMs, signal },
    isUnfiled: true,
    ...(last && isThere(lane, last) && { last }),
    snapshotOf: (id) => told.results.get(id) as SnapshotId,
    onOutput: told.outputOf(keyed),
  });
  const result = told.conclude(keyed, 'what it copies, or copies onto, changed', outcome);
  const fixed = {
    part: 0,
    definition: '',
    lineage: '',
    mounts: {},
    reads: undefined,
    touches: undefined,
    reason: undefined,
  } as const;
  lane.save({ ...fixed, slot, key, base, result, seenNs: 0n, fitness: 'unknown' });
  return result;
}

function isThere({ worker }: Lane, { result, base }: WarmPart): boolean {
  return worker.lease(result) && (base === undefined || worker.lease(base));
}
