/** What takes long to remove is moved away, and removed by a thread that nobody waits for. */
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { removeBeside, removeRubbish, throwAway } from '../../src/store/rubbish.ts';
import { scratch } from '../support/scratch.ts';

/** A folder with files in ten folders, one of which has a name that is no text. */
function makeTree(dir: string, files: number): string {
  for (let folder = 0; folder < 10; folder++) {
    const name = folder === 9 ? Buffer.from([0x66, 0xff]) : Buffer.from(`d${folder}`);
    const at = Buffer.concat([Buffer.from(`${dir}/`), name]);
    mkdirSync(at, { recursive: true });
    for (let file = 0; file < files / 10; file++)
      writeFileSync(Buffer.concat([at, Buffer.from(`/f${file}`)]), '');
  }
  return dir;
}

test('a small tree is left to who has it', () => {
  using place = scratch();
  const tree = makeTree(place.path('small'), 100);
  expect(throwAway(place, tree)).toBe(false);
  expect(readdirSync(tree)).toHaveLength(10);
  expect(existsSync(place.path('rubbish'))).toBe(false);
});

test('a large one is out of the way at once; the next command, or a prune, removes it', async () => {
  using place = scratch();
  const rubbish = () => readdirSync(place.path('rubbish'));
  for (const name of ['one', 'two']) {
    const tree = makeTree(place.path(name), 3000);
    writeFileSync(join(tree, 'own'), '');
    expect(throwAway(place, tree)).toBe(true);
    expect(existsSync(tree)).toBe(false);
  }
  expect(rubbish()).toHaveLength(2);
  removeBeside(place);
  while (rubbish().length > 0) await sleep(5);

  expect(throwAway(place, makeTree(place.path('one'), 3000))).toBe(true);
  removeRubbish(place);
  expect(rubbish()).toEqual([]);
});

test('one that is deeper than paths are long', async () => {
  using place = scratch();
  const tree = makeTree(place.path('tree'), 3000);
  const end = 'n/'.repeat(900);
  // Each of them goes to the end of the next.
  for (let part = 0; part < 3; part++) {
    mkdirSync(place.path(`next/${end}`), { recursive: true });
    if (part > 0) renameSync(place.path('deep'), place.path(`next/${end}/below`));
    renameSync(place.path('next'), place.path('deep'));
  }
  renameSync(place.path('deep'), join(tree, 'deep'));
  expect(throwAway(place, tree)).toBe(true);
  removeBeside(place);
  while (readdirSync(place.path('rubbish')).length > 0) await sleep(5);
});
