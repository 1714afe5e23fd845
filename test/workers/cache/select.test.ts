import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SnapshotId } from '../../../src/plan/index.ts';
import { type CachedSnapshot, selectForPrune } from '../../../src/workers/local/cache/select.ts';

const id = (name: string) => name as SnapshotId;
const row = (name: string, parent: string | null, lastUsedMs: number, bytes = 10): CachedSnapshot => ({
  id: id(name),
  parent: parent === null ? null : id(parent),
  bytes,
  lastUsedMs,
});
const names = (selected: readonly CachedSnapshot[]) => selected.map((snapshot) => snapshot.id);

const rows = [
  row('base', null, 1),
  row('a', 'base', 2),
  row('b', 'a', 50),
  row('c', 'base', 3),
  row('alone', null, 9),
];

test('without a policy all goes that nothing needs, children first', () => {
  expect(names(selectForPrune(rows, new Set([id('c')]), {}))).toEqual(['alone', 'b', 'a']);
});

test('by age: a parent is as young as its youngest child', () => {
  expect(names(selectForPrune(rows, new Set(), { notUsedSinceMs: 10 }))).toEqual(['c', 'alone']);
});

test('by size: the longest unused first, and no more than is needed', () => {
  expect(names(selectForPrune(rows, new Set(), { keepBytes: 40 }))).toEqual(['c']);
  expect(names(selectForPrune(rows, new Set(), { keepBytes: 50 }))).toEqual([]);
  expect(names(selectForPrune(rows, new Set([id('b'), id('c')]), { keepBytes: 0 }))).toEqual(['alone']);
});

test('whatever the trees: nothing needed goes, and nothing is left without its parent', () => {
  const trees = fc.array(
    fc.record({ parent: fc.nat(), used: fc.nat(100), bytes: fc.nat(20), needed: fc.boolean() }),
    {
      maxLength: 30,
    },
  );
  const policies = fc.record({ notUsedSinceMs: fc.nat(100), keepBytes: fc.nat(300) }, { requiredKeys: [] });
  fc.assert(
    fc.property(trees, policies, (tree, policy) => {
      const all = tree.map(({ parent, used, bytes }, index) =>
        row(`s${index}`, index > 0 && parent % 3 > 0 ? `s${parent % index}` : null, used, bytes),
      );
      const needed = new Set(all.filter((_, index) => tree[index]?.needed).map((snapshot) => snapshot.id));
      const gone = new Set<SnapshotId>();
      for (const { id: name } of selectForPrune(all, needed, policy)) {
        expect(needed.has(name)).toBe(false);
        // Children first: at no moment does a row name a parent that is gone.
        expect(all.filter(({ parent }) => parent === name).every((child) => gone.has(child.id))).toBe(true);
        gone.add(name);
      }
    }),
  );
});
