/** What benchmarks say of their samples: medians, ratios, goals; and the plot of them. */
import { expect, test } from 'vitest';
import { plot } from '../../bench/plot.ts';
import { formatMarkdown, formatTable, median, summarize, verdicts } from '../../bench/report.ts';
import type { CaseResult, Goal, Row } from '../../bench/types.ts';

function row(name: string, ...wallMs: number[]): Row {
  return { name, samples: wallMs.map((wall) => ({ wallMs: wall, cpuMs: wall / 2, peakMiB: wall })) };
}

function result(goals: readonly Goal[], ...rows: Row[]): CaseResult {
  return { id: 'x', title: 'x < y & z', per: 1, goals, rows };
}

test('the median is the middle one, or between the two in the middle', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 9, 2])).toBe(3);
  expect(median([])).toBeNaN();
});

test('a ratio goal is told of the fastest tool of that kind', () => {
  const rows = [row('cambium', 40, 60, 50), row('docker 1', 200), row('docker 2', 80), row('bash', 10)];
  const [ratio] = verdicts(result([{ type: 'ratio', of: 'docker', factor: 0.5 }], ...rows));
  expect(ratio).toEqual({ met: false, text: '0.63 of docker 2, goal: at most 0.5' });
  const [loose] = verdicts(result([{ type: 'ratio', of: 'docker', factor: 0.7 }], ...rows));
  expect(loose?.met).toBe(true);
  const [none] = verdicts(result([{ type: 'ratio', of: 'buildah', factor: 1 }], ...rows));
  expect(none?.met).toBe(false);
});

test('time is that of one step, memory the highest peak', () => {
  const series = { ...result([{ type: 'time', underMs: 6 }], row('cambium', 50)), per: 10 };
  expect(verdicts(series)).toEqual([{ met: true, text: '5.0 ms, goal: under 6 ms' }]);
  expect(summarize(series)[0]).toMatchObject({ medianMs: 5, cpuMs: 2.5, ratio: 1 });
  const memory = result([{ type: 'memory', underMiB: 100 }], row('cambium', 50, 150, 60));
  expect(verdicts(memory)).toEqual([{ met: false, text: '150 MiB, goal: under 100 MiB' }]);
});

test('an overhead is that over the baseline, round by round', () => {
  const rows = [
    row('tool', 100, 300, 200),
    row('cambium', 150, 340, 260),
    row('docker', 900),
    row('hand', 400, 600, 500),
  ];
  const goals: Goal[] = [
    { type: 'overhead', underMs: 60 },
    { type: 'overhead', underMs: 60, who: 'hand' },
    { type: 'overhead-ratio', of: 'hand', factor: 0.2 },
    { type: 'ratio', of: 'docker', factor: 0.5, who: 'hand' },
  ];
  const told = { ...result(goals, ...rows), baseline: 'tool' };
  expect(verdicts(told)).toEqual([
    { met: true, text: '50 ms over the tool alone, goal: under 60 ms' },
    { met: false, text: 'hand: 300 ms over the tool alone, goal: under 60 ms' },
    { met: true, text: '0.17 of what hand takes over the tool alone, goal: at most 0.20' },
    { met: false, text: 'hand: 0.56 of docker, goal: at most 0.5' },
  ]);
  // Not measured in the same rounds: by the medians.
  expect(summarize(told).map(({ overheadMs }) => overheadMs)).toEqual([undefined, 50, 700, 300]);
  expect(formatMarkdown([told])).toContain('| cambium | 260 ms | 150 ms | 130 ms | 340 MiB | 50 ms |');
});

test('a series is flat when its end is like its beginning', () => {
  const samples = (last: number, layers: number) =>
    [...Array(60).keys()].map((index) => ({
      ...{ wallMs: index < 40 ? 100 : last, cpuMs: 1 },
      ...{ layers: Math.min(index, layers), layerBytes: 4096 },
    }));
  const goals: Goal[] = [
    { type: 'flat', count: 20, factor: 1.2 },
    { type: 'layers', most: 8 },
  ];
  const flat = result(goals, { name: 'cambium', samples: samples(110, 8) });
  expect(verdicts(flat).map(({ met }) => met)).toEqual([true, true]);
  expect(verdicts(flat)[0]?.text).toMatch(
    /^last 20 of 60 against the first 20: time 1.10, bytes of the new layer 1.00/,
  );
  const growing = result(goals, { name: 'cambium', samples: samples(130, 9) });
  expect(verdicts(growing).map(({ met }) => met)).toEqual([false, false]);
  expect(plot([flat]).match(/<circle/g)).toHaveLength(60);
});

test('a contender that failed has no numbers, and no bar', () => {
  const failed: Row = { name: 'docker', samples: [], error: 'exit 1' };
  const one = result([], row('cambium', 50), failed);
  expect(formatTable([one])).toMatch(/docker\s+failed/);
  expect(formatMarkdown([one])).toContain('| docker | failed |');
  const svg = plot([one]);
  expect(svg.match(/<rect/g)).toHaveLength(1);
  expect(svg).toContain('x &lt; y &amp; z');
});
