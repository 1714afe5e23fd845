/** The times that changed files get in a last result: other ones than tools have seen, and none that lies ahead. */
import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { enterPrivateMounts, unmountBelow } from '../../../../src/kit/system.ts';
import type { SnapshotId } from '../../../../src/plan/index.ts';
import { beginRun } from '../../../../src/store/runs.ts';
import { openStore } from '../../../../src/store/store.ts';
import { noProvisions } from '../../../../src/workers/local/provisions.ts';
import { openSnapshots } from '../../../../src/workers/local/snapshots/registry.ts';
import { warmWorker } from '../../../../src/workers/local/warm/index.ts';
import { scratch } from '../../../support/scratch.ts';

const step = { stage: '', title: '' };
const whole = { key: undefined, parent: undefined, ...step, durationMs: 0 };
const secondMs = 1000;

/** Carries an edit of a file that had the time `wasMs` into a last result whose run ended at `seenMs`: the file's new time. */
async function timeAfterEdit(wasMs: number, seenMs: number): Promise<number> {
  enterPrivateMounts();
  using place = scratch();
  const store = openStore(place.path('store'));
  const run = beginRun(store);
  const snapshots = openSnapshots(store, run);
  const commit = (text: string, timeMs: number): SnapshotId => {
    const workspace = snapshots.fork(undefined);
    const file = join(workspace.root, 'file');
    writeFileSync(file, text);
    utimesSync(file, timeMs / 1000, timeMs / 1000);
    return snapshots.commit(workspace, whole);
  };
  try {
    const before = commit('one', wasMs);
    const after = commit('two', Date.parse('2001-02-03'));
    const provisions = noProvisions;
    const warm = warmWorker({ store, snapshots, runDir: run.dir, runId: run.id, provisions });
    const last = { result: before, base: before, seenNs: BigInt(Math.ceil(seenMs)) * 1_000_000n };
    const changes = warm.compare(before, after);
    const { signal } = new AbortController();
    const carried = await warm.carry(step, { ...last, changes }, after, signal);
    if (carried.outcome !== 'done') throw new Error(carried.outcome);
    return statSync(join(snapshots.mountView(carried.snapshot), 'file')).mtimeMs;
  } finally {
    unmountBelow(run.dir);
    run[Symbol.dispose]();
    store.close();
  }
}

test('a second edit in one second gets a time of the next one, which is over when it is shown', async () => {
  const wasMs = Date.now() + 1200;
  const timeMs = await timeAfterEdit(wasMs, wasMs + 300);
  expect(Math.floor(timeMs / secondMs)).toBeGreaterThan(Math.floor(wasMs / secondMs));
  expect(timeMs).toBeLessThanOrEqual(Date.now());
});

test('a file from the future is as new as its edit', async () => {
  const nowMs = Date.now();
  const timeMs = await timeAfterEdit(nowMs + 3_600_000, nowMs);
  expect(timeMs).toBeGreaterThanOrEqual(nowMs);
  expect(timeMs).toBeLessThanOrEqual(Date.now());
});
