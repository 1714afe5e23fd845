/**
 * Runs a step in its live builder: what changed in its base is put into the container's files, its command runs among the
 * processes that earlier ones left there, and what it made is a snapshot of those files while all processes stand still.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { settledOrAborted } from '../../../kit/wait.ts';
import { holdSnapshots, type LiveBuilder, liveBuilders, saveLive } from '../../../store/live.ts';
import { newId } from '../../../store/runs.ts';
import type { LiveWish, TreeChange, WarmOutcome, WarmTask } from '../../warm.ts';
import { describeFailure } from '../describe-failure.ts';
import { memoryFolder, type RunPlace } from '../run-place.ts';
import { execIn, leftRunning, liveEnded, removeMountpoints, whileFrozen } from '../runtimes/index.ts';
import type { Seen, Workspace } from '../snapshots/driver.ts';
import { type Applied, applyChanges } from '../warm/apply.ts';
import { compareSnapshots } from '../warm/compare.ts';
import { latest, untilPast } from '../warm/execute.ts';
import { startTrace } from '../warm/trace.ts';
import { filesOf, residentOf, rootOf, workspaceOf } from './builder.ts';
import { endLive } from './end.ts';
import { openLive } from './open.ts';

export async function runLive(place: RunPlace, task: WarmTask, wish: LiveWish): Promise<WarmOutcome> {
  const { snapshots, store } = place;
  const { op, stage, title } = task.step;
  if (place.ready) await settledOrAborted(place.ready, task.signal);
  // Nothing of it was touched, and it goes on.
  if (task.signal.aborted) return { outcome: 'cancelled' };
  const startedMs = performance.now();
  const { live: found, changes } = (await findLive(place, task, wish)) ?? {
    live: await openLive(place, task, wish),
    changes: task.last?.changes ?? [],
  };
  const live: LiveBuilder = { ...found, busy: true, usedMs: Date.now() };
  saveLive(store.db, live);
  const root = rootOf(live) ?? '';
  const applied = bringUp(place, root, changes, task, live);
  if (!applied.ok) {
    await endLive(store, [live]);
    return { outcome: 'conflict', reason: applied.reason };
  }
  await untilPast(applied.times, task.signal);
  const resident = residentOf(live);
  const { captured, seenNs: before } = live;
  const watched = { snapshots, root, op, start: captured, base: task.base, asksForOwn: false };
  const trace = startTrace({ ...watched, made: applied.times, known: task.last?.reads });
  const result = await execIn(resident, {
    argv: op.argv,
    env: op.hiddenEnv ?? {},
    memory: memoryFolder(place.runDir),
    timeoutMs: op.timeoutMs ?? task.timeoutMs,
    stdio: 'pipe',
    limits: task.limits,
    signal: task.signal,
    onOutput: task.onOutput,
  }).finally(() => trace?.stop());
  const { refusedPids: _, ...usage } = result.usage;
  const seenNs = latest(applied.times, before);
  const settle = (changed: Partial<LiveBuilder>) => {
    const row = { ...live, base: task.base, seenNs, busy: false, usedMs: Date.now(), ...changed };
    saveLive(store.db, row);
    holdSnapshots(store.db, row);
  };
  // What was killed in the middle of its work leaves files that nobody can trust.
  const isKilled = result.outcome !== 'exit' && result.outcome !== 'not-found' && result.outcome !== 'signal';
  if (isKilled) await endLive(store, [live]);
  if (result.outcome === 'cancelled') return { outcome: 'cancelled' };
  if (result.outcome !== 'exit' || result.exitCode !== 0) {
    if (!isKilled) settle({});
    const failure = describeFailure(result, op.argv, task.step.compute);
    return { outcome: 'failed', failure, workspace: undefined, usage };
  }
  const workspace = capture(place, live);
  const durationMs = performance.now() - startedMs;
  const isDelta = task.last !== undefined;
  const joins = !isDelta && task.joins === true;
  const snapshot = snapshots.commit(workspace, {
    ...{ key: undefined, parent: captured, isDelta, joins, stage, title, durationMs, usage },
  });
  settle({ captured: snapshot, result: snapshot });
  const reads = trace?.uses(snapshot)?.reads;
  // What goes on running may open any file at any time.
  const stays = leftRunning(resident).length > 0;
  return {
    ...{ outcome: 'done', snapshot, durationMs, usage, seenNs },
    reads: reads && stays ? new Map([...reads, ['/', 'opened']]) : reads,
  };
}

/** The one that stands for the task's last result, and what it has to be brought up to; ends one that stands for nothing. */
async function findLive(
  { store, snapshots }: RunPlace,
  { last, base, limits }: WarmTask,
  { builder, slot, part, definition, isHazard }: LiveWish,
): Promise<{ live: LiveBuilder; changes: readonly TreeChange[] } | undefined> {
  const own = liveBuilders(store).filter(
    (live) => live.builder === builder && live.slot === slot && live.part === part,
  );
  const [live] = own;
  const isGood =
    last !== undefined &&
    live?.result === last.result &&
    live.definition === definition &&
    !live.busy &&
    JSON.stringify(live.limits) === JSON.stringify(limits) &&
    rootOf(live) !== undefined;
  if (isGood) {
    // After a command that failed, it holds more than the last result does.
    const changes = live.base === last.base ? last.changes : compareSnapshots(snapshots, live.base, base);
    if (live.base === last.base || !isHazard(changes)) return { live, changes };
  }
  await endLive(store, own);
  return undefined;
}

function bringUp(
  { snapshots }: RunPlace,
  root: string,
  changes: readonly TreeChange[],
  { base }: WarmTask,
  { seenNs }: LiveBuilder,
): Applied {
  if (changes.length === 0) return { ok: true, times: new Map() };
  return applyChanges(root, base === undefined ? '' : snapshots.mountView(base), changes, seenNs);
}

/** A workspace of the running command that holds what changed since the last capture. */
function capture({ snapshots, runDir }: RunPlace, live: LiveBuilder): Workspace {
  const resident = residentOf(live);
  const { inner } = workspaceOf(live);
  const files = filesOf(live);
  if (files === undefined) throw liveEnded();
  const memory = join(resident.bundle, 'captured.json');
  const before = existsSync(memory) ? (JSON.parse(readFileSync(memory, 'utf8')) as Seen) : undefined;
  const { workspace, seen } = whileFrozen(resident.id, () =>
    snapshots.driver.capture(files, join(runDir, newId()), before),
  );
  removeMountpoints(`${workspace.root}${inner}`, resident.mountpoints);
  writeFileSync(memory, JSON.stringify(seen));
  return workspace;
}
