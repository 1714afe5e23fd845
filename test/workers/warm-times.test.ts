/** The time that a changed file gets, where a step has seen another one of the same second. */
import { lstatSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readEntry } from '../../src/kit/walk.ts';
import { applyChanges } from '../../src/workers/local/warm/apply.ts';
import type { SeenFile } from '../../src/workers/local/warm/whole-seconds.ts';
import { type Scratch, scratch } from '../support/scratch.ts';

let here: Scratch;
beforeEach(() => {
  here = scratch();
  for (const folder of ['root', 'source']) mkdirSync(here.path(folder));
});
afterEach(() => here[Symbol.dispose]());

/** In the middle of a second that is still to come: the next time is of that second too, however slow this machine is. */
const second = BigInt(Math.floor(Date.now() / 1000) + 10_000);
const seenNs = second * 1_000_000_000n + 500_000_000n;

/** The time of a file after an edit from `before` to `after`. */
function timeAfter(before: string, after: string, mayKnowSecond: (file: SeenFile) => boolean): bigint {
  writeFileSync(here.path('root/file'), before);
  utimesSync(here.path('root/file'), Number(second), Number(second));
  writeFileSync(here.path('source/file'), after);
  const entries = {
    before: readEntry(here.path('root/file'), 'file'),
    after: readEntry(here.path('source/file'), 'file'),
  };
  const change = { path: 'file', kind: 'content', ...entries } as const;
  expect(applyChanges(here.path('root'), here.path('source'), [change], seenNs, mayKnowSecond).ok).toBe(true);
  return lstatSync(here.path('root/file'), { bigint: true }).mtimeNs;
}

test('it is of the next second where a tool may know it by the second and its length alone', () => {
  const asked: SeenFile[] = [];
  const knows = (file: SeenFile) => asked.push(file) > 0;
  expect(timeAfter('one', 'two', knows)).toBe((second + 1n) * 1_000_000_000n);
  expect(asked).toEqual([{ path: 'file', size: 3, mtimeNs: second * 1_000_000_000n }]);
});

test('else it is only later than all that the step has seen', () => {
  const withinSecond = expect.toSatisfy((time: bigint) => time > seenNs && time / 1_000_000_000n === second);
  expect(timeAfter('one', 'two', () => false)).toEqual(withinSecond);
  expect(timeAfter('one', 'longer', () => true)).toEqual(withinSecond);
});
