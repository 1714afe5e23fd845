/** `cambium volume`: making, listing and removing, and who is in the way. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { beginRun } from '../../src/store/runs.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { listVolumes, useVolume } from '../../src/volumes/index.ts';
import { cambium, cambiumOk } from '../support/cli.ts';
import { findingsIn } from '../support/leftovers.ts';
import { scratch } from '../support/scratch.ts';

const place = scratch();
afterAll(() => place[Symbol.dispose]());
const options = { store: place.path('store'), cwd: place.dir };
const volume = (...args: string[]) => cambium(['volume', ...args], options);
const volumeOk = (...args: string[]) => cambiumOk(['volume', ...args], options).stdout;

async function inStore(body: (store: Store) => Promise<void>): Promise<void> {
  const store = openStore(options.store);
  try {
    await body(store);
  } finally {
    store.close();
  }
}

test('a volume is made, listed, looked at and removed', () => {
  expect(volumeOk('create', 'one')).toBe('one\n');
  expect(volumeOk('create', 'one'), 'what is there stays').toBe('one\n');
  writeFileSync(place.path('store/volumes/one/fs/file'), 'x'.repeat(100_000));
  expect(volumeOk('ls', '-q')).toBe('one\n');
  expect(volumeOk('ls', '--format', '{{.Name}} {{.Kind}} {{json .inUse}}')).toBe('one user false\n');
  expect(volumeOk('ls', '--size')).toMatch(/one +user +10\d\.\d KiB/);
  const [facts] = JSON.parse(volumeOk('inspect', 'one')) as Record<string, unknown>[];
  expect(facts).toMatchObject({ name: 'one', kind: 'user', users: [], snapshots: [] });
  expect(facts?.['mountpoint']).toBe(place.path('store/volumes/one/fs'));
  expect(volumeOk('rm', 'one')).toBe('one\n');
  expect(volumeOk('ls', '-q')).toBe('');
  expect(readdirSync(place.path('store/volumes'))).toEqual([]);
});

test.each([
  [['create', ''], 'bad name', /can't be the name of a volume/],
  [['create', '../x'], 'bad name', /can't be the name of a volume/],
  [['create', '.hidden'], 'bad name', /can't be the name of a volume/],
  [['create', 'a b'], 'bad name', /can't be the name of a volume/],
  [['create', 'x'.repeat(201)], 'bad name', /longer than 200/],
  [['inspect', 'none'], 'unknown', /There is no volume `none`/],
  [['rm', 'none'], 'unknown', /There is no volume `none`/],
  [['rm'], 'no argument', /missing required argument/i],
  [['ls', '--format', '{{.Nope}}'], 'bad field', /`{{.Nope}}` of --format can't be read/],
])('volume %s is refused: %s', (args, _, message) => {
  volumeOk('create', 'there');
  const result = volume(...args);
  expect(result.stderr).toMatch(message);
  expect(result.stderr).not.toMatch(/\n\s+at /);
  expect(result.code).toBe(2);
  expect(volumeOk('ls', '-q')).toBe('there\n');
});

test('rm takes all or none, and with -f passes over what is not there', () => {
  volumeOk('create', 'a');
  volumeOk('create', 'b');
  expect(volume('rm', 'a', 'none', 'b').code).toBe(2);
  expect(volumeOk('ls', '-q').split('\n')).toEqual(expect.arrayContaining(['a', 'b']));
  expect(volumeOk('rm', '-f', 'a', 'none', 'b')).toBe('a\nb\n');
});

test('a volume in use is not removed, and is free when its user is gone', () =>
  inStore(async (store) => {
    using run = beginRun(store);
    const used = await useVolume(store, run, 'held', { create: true });
    expect(used.isNew).toBe(true);
    expect(existsSync(used.host)).toBe(true);
    using again = await useVolume(store, run, 'held');
    expect(again.isNew).toBe(false);
    const refused = volume('rm', 'held');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(`The volume held is in use by cambium (process ${process.pid}).`);
    expect(volumeOk('inspect', '-f', '{{.users}}', 'held')).toContain(String(process.pid));
    used[Symbol.dispose]();
    expect(volume('rm', 'held').code, 'one user is left').toBe(2);
    again[Symbol.dispose]();
    expect(volumeOk('rm', 'held')).toBe('held\n');
  }));

test('who works on a volume alone is waited for', () =>
  inStore(async (store) => {
    using run = beginRun(store);
    const alone = await useVolume(store, run, 'turns', { create: true, mode: 'alone' });
    const told: string[] = [];
    const order: string[] = [];
    const second = useVolume(store, run, 'turns', { onWait: (users) => told.push(users) }).then((use) => {
      order.push('second');
      use[Symbol.dispose]();
    });
    await expect(
      useVolume(store, run, 'turns', { signal: AbortSignal.timeout(150) }),
      'waiting can be given up',
    ).rejects.toThrow();
    order.push('first');
    alone[Symbol.dispose]();
    await second;
    expect(order).toEqual(['first', 'second']);
    expect(told).toEqual([expect.stringContaining(String(process.pid))]);
  }));

test('a folder that no row names is adopted; a row without files can be removed', () => {
  mkdirSync(place.path('store/volumes/found/fs'), { recursive: true });
  writeFileSync(place.path('store/volumes/found/fs/precious'), 'data');
  expect(volumeOk('inspect', '-f', '{{.Kind}}', 'found')).toBe('user\n');
  volumeOk('create', 'lost');
  rmSync(place.path('store/volumes/lost'), { recursive: true });
  expect(volume('inspect', 'lost').stderr).toContain('The files of the volume lost are gone');
  expect(volumeOk('create', 'lost')).toBe('lost\n');
  expect(existsSync(place.path('store/volumes/lost/fs'))).toBe(true);
  rmSync(place.path('store/volumes/lost'), { recursive: true });
  expect(volumeOk('rm', 'lost')).toBe('lost\n');
});

test('a lost database loses no volume', () => {
  volumeOk('create', 'kept');
  writeFileSync(place.path('store/volumes/kept/fs/precious'), 'data');
  for (const suffix of ['', '-wal', '-shm']) rmSync(place.path(`store/cambium.db${suffix}`), { force: true });
  expect(volumeOk('ls', '-q').split('\n')).toContain('kept');
  return inStore(async (store) => expect(listVolumes(store).map(({ name }) => name)).toContain('kept'));
});

test('doctor --repair takes folders in, forgets rows without files, and removes no data', () => {
  mkdirSync(place.path('store/volumes/stray/fs'), { recursive: true });
  writeFileSync(place.path('store/volumes/stray/fs/precious'), 'data');
  mkdirSync(place.path('store/volumes/empty'));
  volumeOk('create', 'gone');
  rmSync(place.path('store/volumes/gone'), { recursive: true });
  const { stdout } = cambiumOk(['doctor', '--repair'], options);
  expect(stdout).toContain('volume folder stray, which no row names: now the volume stray');
  expect(stdout).toContain('the row of volume gone, whose files are gone');
  expect(stdout).toContain('the empty folder empty of no volume');
  expect(volumeOk('ls', '-q').split('\n')).toContain('stray');
  expect(readdirSync(place.path('store/volumes'))).not.toContain('empty');
  expect(existsSync(place.path('store/volumes/stray/fs/precious'))).toBe(true);
  expect(findingsIn(cambiumOk(['doctor', '--repair'], options).stdout)).toEqual([]);
});
