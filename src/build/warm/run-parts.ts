/** Gives a run its new result in the warm lane, part by part, each on the result of the one before. */

import { canonicalJson, sha256 } from '../../kit/digest.ts';
import type { Mount, RunOp, SnapshotId, Step } from '../../plan/index.ts';
import { dropWarmParts, type WarmPart } from '../../store/warm.ts';
import type { WarmWorker } from '../../workers/warm.ts';
import type { Keyed, Reports } from '../reports.ts';
import type { CleanRun, Lane } from './lane.ts';
import { partsOf, type RunPart } from './parts.ts';
import { predecessorOf } from './predecessor.ts';
import { type PartOutcome, runPart } from './run-part.ts';

export type KeyedRun = Keyed & { step: Step & { op: RunOp } };

/** What all parts of one step share. */
export interface Running {
  lane: Lane;
  keyed: KeyedRun;
  told: Reports;
  warm: WarmWorker;
  slot: string;
  /** Tells that the step began, the first time that something of it runs. */
  begin(reason: string): void;
  /** Tells that what has begun is done once more in another way. */
  beginAgain(reason: string): void;
  hasBegun(): boolean;
}

interface Done {
  snapshot: SnapshotId;
  isWarm: boolean;
}

/** `clean` runs the step by the clean lane: undefined when something that it stands on is warm. */
export async function runParts(
  lane: Lane,
  keyed: KeyedRun,
  told: Reports,
  clean: CleanRun | undefined,
): Promise<Done> {
  const { step, key } = keyed;
  const slot = lane.slots.get(step.id) as string;
  const known = step.noCache ? [] : (lane.parts.get(slot) ?? []);
  const [whole] = partsOf(step, true) as [RunPart];
  // A command that didn't work in parts stays in one.
  const parts = partsOf(step, known[0]?.definition === whole.definition);
  const lasts = parts.map((part, index) => usable(lane, part, known[index]));
  const final = lasts.at(-1);
  if (final?.key === key && standsOn(lasts, keyed, told))
    return { snapshot: reuse(told, keyed, final.result), isWarm: true };
  if (parts.length === 1 && !step.noCache) lasts[0] ??= predecessorOf(lane, keyed, whole);

  let begun: string | undefined;
  const running: Running = {
    ...{ lane, keyed, told, slot, warm: await lane.warm() },
    begin(reason) {
      if (begun === undefined) told.begin(keyed, reason);
      begun ??= reason;
    },
    beginAgain(reason) {
      told.begin(keyed, reason);
      begun = reason;
    },
    hasBegun: () => begun !== undefined,
  };
  const startedMs = performance.now();
  const { outcome, ranOnBase } = await runAll(running, parts, lasts, clean);
  const ended =
    outcome.outcome === 'failed' && ranOnBase > 1
      ? // Perhaps for what one part leaves running, or set, for the next. Once: then the parts before have last results.
        (await runAll(running, [whole], [], undefined)).outcome
      : outcome;
  if (ended.outcome !== 'done') {
    told.conclude(keyed, begun ?? '', ended);
    throw new Error('a step that failed has no result');
  }
  const { snapshot, how } = ended;
  const count = outcome === ended ? parts.length : 1;
  dropWarmParts(lane.store.db, lane.builder, slot, count);
  if (how === 'clean') return { snapshot, isWarm: false };
  if (begun === undefined) return { snapshot: reuse(told, keyed, snapshot), isWarm: true };
  const durationMs = performance.now() - startedMs;
  told.conclude(keyed, begun, { outcome: 'done', snapshot, durationMs });
  return { snapshot, isWarm: true };
}

/** Whether the last results stand on what is there now, each on the one before. */
function standsOn(lasts: readonly (WarmPart | undefined)[], { step }: KeyedRun, told: Reports): boolean {
  let base = step.base && told.results.get(step.base);
  return lasts.every((last) => {
    const isSame = last !== undefined && last.base === base;
    base = last?.result;
    return isSame && step.op.mounts.every((mount) => isShown(last, mount, told));
  });
}

function isShown({ mounts }: WarmPart, mount: Mount, told: Reports): boolean {
  return mount.type !== 'step' || mounts[mount.target]?.content === told.results.get(mount.step);
}

function reuse(told: Reports, keyed: KeyedRun, snapshot: SnapshotId): SnapshotId {
  return told.reuse({ ...keyed, hit: { snapshot, canonical: keyed.key, durationMs: 0 } });
}

/** Runs parts one after the other, up to the first that doesn't end well. `ranOnBase`: how many ran from nothing. */
async function runAll(
  running: Running,
  parts: readonly RunPart[],
  lasts: readonly (WarmPart | undefined)[],
  clean: CleanRun | undefined,
): Promise<{ outcome: PartOutcome; ranOnBase: number }> {
  const { keyed, told } = running;
  let base = keyed.step.base && told.results.get(keyed.step.base);
  let lineage = running.lane.lineages.get(keyed.step.id) as string;
  let ranOnBase = 0;
  let outcome: PartOutcome | undefined;
  for (const [index, part] of parts.entries()) {
    const isOnly = parts.length === 1;
    outcome = await runPart({
      running,
      part,
      index,
      lineage,
      base,
      last: lasts[index],
      clean: isOnly ? clean : undefined,
    });
    if (lasts[index] === undefined) ranOnBase += 1;
    if (outcome.outcome !== 'done') break;
    base = outcome.snapshot;
    // What an earlier part says is for the later ones what an earlier instruction says.
    lineage = sha256(canonicalJson([lineage, part.definition]));
  }
  return { outcome: outcome as PartOutcome, ranOnBase };
}

/** A last result that is for this very command, and still there. */
function usable({ worker }: Lane, part: RunPart, last: WarmPart | undefined): WarmPart | undefined {
  if (last?.definition !== part.definition || !worker.lease(last.result)) return undefined;
  return last.base === undefined || worker.lease(last.base) ? last : undefined;
}
