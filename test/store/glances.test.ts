/** How much is kept of glances. */
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readGlance, writeGlance } from '../../src/store/glances.ts';
import type { Store } from '../../src/store/store.ts';
import { scratch } from '../support/scratch.ts';

test('the oldest go when there are many, or much', () => {
  using here = scratch();
  const store = { dir: here.dir } as Store;
  const folder = here.path('glances');
  let clock = 1_000_000;
  const write = (name: string, bytes: number) => {
    writeGlance(store, name, { name }, [Buffer.alloc(bytes)]);
    clock += 1;
    utimesSync(join(folder, name), clock, clock);
  };
  for (let at = 0; at < 102; at++) write(`small-${at}`, 10);
  expect(readdirSync(folder)).toHaveLength(100);
  expect(readGlance(store, 'small-1')).toBeUndefined();
  expect(readGlance(store, 'small-2')?.head).toEqual({ name: 'small-2' });
  for (const name of ['a', 'b', 'c']) write(name, 25 * 1024 * 1024);
  expect(readdirSync(folder).sort()).toEqual(['b', 'c']);
  // One alone may be as large as it is.
  write('large', 70 * 1024 * 1024);
  expect(readdirSync(folder)).toEqual(['large']);
});
