/** What a step needs, from what its runs used. */
import { expect, test } from 'vitest';
import { needOf } from '../../src/build/needs.ts';

const mib = 2 ** 20;
const run = (peak: number, cpuMs: number, wallMs = 1000) => ({ wallMs, cpuMs, peakMemoryBytes: peak * mib });

test('nothing is said after too few runs', () => {
  expect(needOf([run(10, 100), run(10, 100)])).toBeUndefined();
});

test('the most of all runs, rounded up', () => {
  expect(needOf([run(10, 100), run(70, 1300), run(20, 20)])).toEqual({ memoryBytes: 80 * mib, cpus: 1.5 });
  expect(needOf([run(1, 1), run(1, 1), run(1, 1)])).toEqual({ memoryBytes: 16 * mib, cpus: 0.25 });
  expect(needOf([run(5000, 4000), run(1, 1), run(1, 1)])).toEqual({ memoryBytes: 5120 * mib, cpus: 4 });
});

test('short runs say nothing of cores, and a kernel that tells nothing leaves nothing to say', () => {
  expect(needOf([run(1, 90, 100), run(1, 90, 100), run(1, 90, 100)])).toEqual({ memoryBytes: 16 * mib });
  expect(needOf([{ wallMs: 500 }, { wallMs: 500 }, { wallMs: 500 }])).toBeUndefined();
});
