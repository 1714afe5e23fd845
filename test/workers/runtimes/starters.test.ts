/** What waits for a run, and may wait in vain. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newId } from '../../../src/store/runs.ts';
import { openStarters, type Starters } from '../../../src/workers/local/runtimes/starters.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';

let place: Scratch;
let folder: string;
let starters: Starters;

beforeEach(() => {
  place = scratch();
  folder = place.path(newId());
  mkdirSync(folder);
  starters = openStarters(folder);
});
afterEach(() => {
  starters[Symbol.dispose]();
  place[Symbol.dispose]();
});

const processesOf = (cgroup: string) => readFileSync(`${cgroup}/cgroup.procs`, 'utf8').trim();

test('one waits in the cgroups of its run; without a word it goes, and they with it', async () => {
  starters.prepare({ entersCgroups: true });
  const starter = starters.take();
  const { id, folders } = starter?.entered ?? { id: '', folders: [] };
  // By their names they are found when this process is killed.
  expect(id.startsWith(`${basename(folder)}-`)).toBe(true);
  expect(folders).not.toEqual([]);
  for (const each of folders) await expect.poll(() => processesOf(each), { timeout: 20_000 }).not.toBe('');
  starter?.drop();
  expect(folders.filter((each) => existsSync(each))).toEqual([]);
  await starter?.ended;
});

test('one that is dropped at whatever moment leaves nothing', async () => {
  for (let round = 0; round < 20; round++) {
    starters.prepare({ entersCgroups: true });
    const starter = starters.take();
    await new Promise((resolve) => setTimeout(resolve, round));
    starter?.drop();
    expect(starter?.entered?.folders.filter((each) => existsSync(each))).toEqual([]);
    await starter?.ended;
  }
});

test('one for a runtime that makes cgroups by itself waits in none; each is given once', () => {
  starters.prepare({ entersCgroups: false });
  const starter = starters.take();
  expect(starter?.entered).toBeUndefined();
  expect(starters.take()).toBeUndefined();
  starter?.drop();
});
