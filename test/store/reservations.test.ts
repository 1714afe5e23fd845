/** Turns for what isn't free: whole or not at all, in the order of asking, without standing in anybody's way. */
import { expect, test } from 'vitest';
import { type Amount, reserve } from '../../src/store/reservations.ts';
import { beginRun } from '../../src/store/runs.ts';
import { openStore } from '../../src/store/store.ts';
import { scratch } from '../support/scratch.ts';

const budget: Amount = { cpus: 4, memoryBytes: 1000 };

/** Asks in the order of its calls; `granted` has the names of those that were given what they want, in order. */
function queue(dir: string) {
  const store = openStore(dir);
  const run = beginRun(store);
  const granted: string[] = [];
  const told: string[] = [];
  const ask = (
    name: string,
    amount: Partial<Amount>,
    options: { signal?: AbortSignal; isOver?: () => boolean } = {},
  ) => {
    const whole = { cpus: 0, memoryBytes: 0, ...amount };
    return reserve(store, run, whole, budget, { onWait: () => told.push(name), ...options }).then((held) => {
      if (held !== undefined) granted.push(name);
      return held;
    });
  };
  const rows = () => store.db.prepare('SELECT * FROM reservations').all().length;
  return { store, run, granted, told, ask, rows };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 150));

test('one that waits is passed only by what takes nothing from it', async () => {
  using place = scratch();
  const { granted, told, ask, rows, run } = queue(place.path('store'));
  const three = await ask('three', { cpus: 3 });
  const four = ask('four', { cpus: 4, memoryBytes: 600 });
  const one = ask('one', { cpus: 1 });
  const memory = await ask('memory', { memoryBytes: 400 });
  const tooMuch = ask('more memory', { memoryBytes: 100 });
  await turn();
  expect(granted).toEqual(['three', 'memory']);
  expect(told).toEqual(['four', 'one', 'more memory']);
  three?.[Symbol.dispose]();
  const held = await four;
  await turn();
  expect(granted).toEqual(['three', 'memory', 'four']);
  held?.[Symbol.dispose]();
  for (const each of [await one, await tooMuch, memory]) each?.[Symbol.dispose]();
  expect(rows()).toBe(0);
  run[Symbol.dispose]();
});

test('who gives up or is stopped leaves no place in the queue', async () => {
  using place = scratch();
  const { ask, rows, run } = queue(place.path('store'));
  const all = await ask('all', { cpus: 4 });
  let isOver = false;
  const given = ask('given up', { cpus: 4 }, { isOver: () => isOver });
  const stop = new AbortController();
  const stopped = expect(ask('stopped', { cpus: 4 }, { signal: stop.signal })).rejects.toThrow();
  expect(rows()).toBe(3);
  isOver = true;
  stop.abort();
  expect(await given).toBeUndefined();
  await stopped;
  expect(rows()).toBe(1);
  all?.[Symbol.dispose]();
  run[Symbol.dispose]();
});

test('what a run had that ended without a word counts no more', async () => {
  using place = scratch();
  const { store, ask, granted, run } = queue(place.path('store'));
  // As a killed process leaves it: a row whose run has no lock.
  store.db
    .prepare(
      "INSERT INTO reservations (run, cpus, memory_bytes, granted, user) VALUES ('gone', 4, 1000, 1, 'x')",
    )
    .run();
  await ask('next', { cpus: 4, memoryBytes: 1000 });
  expect(granted).toEqual(['next']);
  run[Symbol.dispose]();
});
