/** Runs a step on its own last result, brought up to date by what changed in its base. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunOp, Step, StepId } from '../../../plan/index.ts';
import { moveLive } from '../../../store/live.ts';
import type { LastResult, WarmOutcome, WarmTask } from '../../warm.ts';
import { openCaches } from '../caches.ts';
import { describeFailure } from '../describe-failure.ts';
import { keepFailed, resolveSteps, runIn } from '../execute-run.ts';
import type { RunPlace } from '../run-place.ts';
import { prepareRun } from '../runtimes/index.ts';
import type { Workspace } from '../snapshots/driver.ts';
import { type Applied, applyChanges } from './apply.ts';
import { removeLitter } from './litter.ts';
import { startTrace } from './trace.ts';
import { wholeSecondsIn } from './whole-seconds.ts';

export async function runWarm(place: RunPlace, task: WarmTask): Promise<WarmOutcome> {
  const { snapshots } = place;
  const { stage, title } = task.step;
  const op = task.isProbe ? withForkedCaches(task.step.op) : task.step.op;
  const startedMs = performance.now();
  const start = task.last ? task.last.result : task.base;
  // The programs before a runtime get ready while the workspace does.
  if (place.starters) await prepareRun(place.starters);
  const workspace = snapshots.fork(start);
  let isDone = false;
  try {
    // What it keeps in caches and volumes isn't looked into.
    const isLookedInto = !op.mounts.some(({ type }) => type === 'cache' || type === 'volume');
    const knows = task.last && isLookedInto ? wholeSecondsIn(place, task.last.result) : undefined;
    const applied = bringUp(place, workspace, task.last, task.base, knows);
    if (!applied.ok) return { outcome: 'conflict', reason: applied.reason };
    await untilPast(applied.times, task.signal);
    const { base, last } = task;
    if (last?.touches && base !== undefined)
      removeLitter(workspace.root, snapshots.mountView(base), last.touches);
    const asksForOwn = last !== undefined;
    const trace = startTrace({
      ...{ snapshots, root: workspace.root, op, start, base, asksForOwn },
      ...{ made: applied.times, known: last?.reads },
    });
    const snapshotOf = withMounts(task);
    using caches = await openCaches(place, op.mounts, { ...task, snapshotOf, forksCaches: true });
    const seen = { ...task, snapshotOf, caches: caches.hosts };
    const result = await runIn(place, op, workspace, seen).finally(() => trace?.stop());
    const { refusedPids: _, ...usage } = result.usage;
    if (result.outcome === 'cancelled') return { outcome: 'cancelled' };
    if (result.outcome !== 'exit' || result.exitCode !== 0) {
      const failure = describeFailure(result, op.argv, task.step.compute);
      if (task.isProbe) return { outcome: 'failed', failure, workspace: undefined, usage };
      isDone = true;
      const kept = await keepFailed(place, workspace, start, resolveSteps(op, snapshotOf));
      return { outcome: 'failed', failure, workspace: kept, usage };
    }
    const seenNs = latest(applied.times, task.last?.seenNs);
    const durationMs = performance.now() - startedMs;
    const isDelta = task.last !== undefined;
    const joins = !isDelta && task.joins === true;
    const snapshot = snapshots.commit(workspace, {
      ...{ key: undefined, parent: start, isDelta, joins, stage, title, durationMs, usage },
    });
    isDone = true;
    if (!task.isProbe) await caches.keep();
    const uses = trace?.uses(snapshot);
    return { outcome: 'done', snapshot, durationMs, usage, seenNs, reads: uses?.reads, own: uses?.own };
  } finally {
    if (!isDone) snapshots.discard(workspace);
  }
}

/** Brings a last result up to date and runs nothing. `base`: what shows the changes. */
export async function carry(
  place: RunPlace,
  { stage, title }: Pick<Step, 'stage' | 'title'>,
  last: Omit<LastResult, 'reads'>,
  base: WarmTask['base'],
  signal: AbortSignal,
): Promise<WarmOutcome> {
  const { snapshots } = place;
  const startedMs = performance.now();
  const workspace = snapshots.fork(last.result);
  let isDone = false;
  try {
    const applied = bringUp(place, workspace, last, base);
    if (!applied.ok) return { outcome: 'conflict', reason: applied.reason };
    // Whoever is shown it next asks what time it is.
    await untilPast(applied.times, signal);
    if (signal.aborted) return { outcome: 'cancelled' };
    const durationMs = performance.now() - startedMs;
    const snapshot = snapshots.commit(workspace, {
      ...{ key: undefined, parent: last.result, isDelta: true, stage, title, durationMs },
    });
    isDone = true;
    moveLive(place.store.db, last.result, snapshot);
    return { outcome: 'done', snapshot, durationMs, seenNs: last.seenNs, reads: undefined };
  } finally {
    if (!isDone) snapshots.discard(workspace);
  }
}

function bringUp(
  { snapshots }: RunPlace,
  workspace: Workspace,
  last: Omit<LastResult, 'reads'> | undefined,
  base: WarmTask['base'],
  mayKnowSecond?: ReturnType<typeof wholeSecondsIn>,
): Applied {
  if (last === undefined || last.changes.length === 0) return { ok: true, times: new Map() };
  const source = base === undefined ? '' : snapshots.mountView(base);
  return applyChanges(workspace.root, source, last.changes, last.seenNs, mayKnowSecond);
}

/** For who keeps nothing of what it changes in caches, as a probe and what runs in a live builder: it waits for nobody. */
export function withForkedCaches(op: RunOp): RunOp {
  const mounts = op.mounts.map((mount) =>
    mount.type === 'cache' ? { ...mount, sharing: 'fork' as const } : mount,
  );
  return { ...op, mounts };
}

/** Mounts of steps show the form that the warm lane gives them. */
function withMounts({ step, mounts, snapshotOf }: WarmTask): WarmTask['snapshotOf'] {
  const shown = new Map<StepId, (typeof mounts)[string]>();
  for (const mount of step.op.mounts)
    if (mount.type === 'step' && mounts[mount.target]) shown.set(mount.step, mounts[mount.target] as never);
  return (id) => shown.get(id)?.shown ?? snapshotOf(id);
}

/**
 * Waits until no time lies ahead, as that of a file edited twice in one second does: tools warn of such files (`make`), or
 * take what they made of them for old.
 */
export async function untilPast(times: ReadonlyMap<string, bigint>, signal: AbortSignal): Promise<void> {
  let last = 0n;
  for (const time of times.values()) if (time > last) last = time;
  const aheadMs = Number(last / 1_000_000n) + 1 - Date.now();
  // Cancelled meanwhile: the run that follows says so.
  if (aheadMs > 0) await sleep(aheadMs, undefined, { signal }).catch(() => {});
}

/** A time that nothing which the run wrote, or was given, is later than. */
export function latest(times: ReadonlyMap<string, bigint>, before = 0n): bigint {
  let seen = BigInt(Date.now() + 1) * 1_000_000n;
  for (const time of times.values()) if (time > seen) seen = time;
  return before > seen ? before : seen;
}
