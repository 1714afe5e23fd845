/** Scans read what changed, and nothing that did not; what changed a moment ago is read again. */
import { chmodSync, mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { atOnce } from '../../../../src/kit/in-turns.ts';
import { openDatabase, transaction } from '../../../../src/store/database.ts';
import { rememberCopied } from '../../../../src/store/manifests.ts';
import { dropUnneededManifests } from '../../../../src/store/unneeded-manifests.ts';
import { type Scan, scanFolder } from '../../../../src/workers/local/copy/scan.ts';
import { selectPath } from '../../../../src/workers/local/copy/select.ts';
import { openTree } from '../../../../src/workers/local/copy/tree.ts';
import { scratch } from '../../../support/scratch.ts';

const here = scratch();
const db = openDatabase(here.path('cambium.db'));
afterAll(() => {
  db.close();
  here[Symbol.dispose]();
});

/** As a build does it; `read`: how many entries were read. */
function scan(host: string, ignore: string[] = []): Scan & { read: number } {
  const memo = new Map();
  const [pick] = selectPath(openTree(host, ignore), '', undefined) ?? [];
  if (pick === undefined) throw new Error('nothing there');
  const name = JSON.stringify([host, ignore]);
  const request = { host, taken: pick.taken, keepsOwner: false, memo };
  return { ...atOnce(scanFolder(db, name, request)), read: memo.size };
}

function manifests(): number {
  return (db.prepare('SELECT count(*) AS count FROM manifests').get() as { count: number }).count;
}

function project(name: string): string {
  const dir = here.path(name);
  for (const folder of ['a', 'a/inner', 'b', 'c']) {
    mkdirSync(join(dir, folder), { recursive: true });
    for (const file of ['1', '2', '3']) writeFileSync(join(dir, folder, file), folder + file);
  }
  return dir;
}

/** Longer than a file's time is doubted. */
const settle = () => sleep(60);

test('an edit costs its file and the manifests on its path', async () => {
  const dir = project('edit');
  await settle();
  expect(scan(dir).read).toBe(5 + 12);
  expect(scan(dir)).toMatchObject({ isKnown: true, read: 0 });
  writeFileSync(join(dir, 'a/inner/2'), 'other');
  await settle();
  const before = manifests();
  const edited = scan(dir);
  expect(edited).toMatchObject({ isKnown: false, read: 1 });
  // Of a/inner, a, the folder itself, and the entry that stands for all.
  expect(manifests() - before).toBe(4);
  expect(scan(dir)).toMatchObject({ isKnown: true, read: 0, digest: edited.digest });
  rmSync(join(dir, 'c'), { recursive: true });
  await settle();
  const removed = scan(dir);
  expect(removed.read).toBe(1);
  expect(removed.summary.count).toBe(1 + 3 + 9);
  mkdirSync(join(dir, 'c'));
  for (const file of ['1', '2', '3']) writeFileSync(join(dir, 'c', file), `c${file}`);
  await settle();
  expect(scan(dir).digest).toBe(edited.digest);
});

test('what may change without a new time is read again, even if its metadata is the same', async () => {
  const dir = project('racy');
  await settle();
  scan(dir);
  writeFileSync(join(dir, 'b/2'), 'new');
  // As young as a file is that was written at this very moment, but for longer than a test takes.
  const soon = Date.now() / 1000 + 3600;
  utimesSync(join(dir, 'b/2'), soon, soon);
  await settle();
  const first = scan(dir);
  expect(scan(dir)).toMatchObject({ isKnown: false, read: 1, digest: first.digest });
  utimesSync(join(dir, 'b/2'), 5, 5);
  await settle();
  expect(scan(dir)).toMatchObject({ isKnown: false, read: 1, digest: first.digest });
  expect(scan(dir)).toMatchObject({ isKnown: true, read: 0 });
});

test('content with an old time is seen, times and owners alone change nothing', async () => {
  const dir = project('times');
  const { mtimeMs } = statSync(join(dir, 'a/1'));
  await settle();
  const first = scan(dir);
  writeFileSync(join(dir, 'a/1'), 'A1');
  utimesSync(join(dir, 'a/1'), mtimeMs / 1000, mtimeMs / 1000);
  await settle();
  const second = scan(dir);
  expect(second.digest).not.toBe(first.digest);
  utimesSync(join(dir, 'b/1'), 5, 5);
  await settle();
  const third = scan(dir);
  expect(third.digest).toBe(second.digest);
  expect(third.summary.manifest).not.toBe(second.summary.manifest);
  chmodSync(join(dir, 'b/1'), 0o600);
  await settle();
  expect(scan(dir).digest).not.toBe(third.digest);
});

test('what ignore patterns leave out is no part of it, and a folder only for what is taken back', async () => {
  const dir = project('ignored');
  await settle();
  const patterns = ['a', 'b', '!a/inner/2'];
  const first = scan(dir, patterns);
  // All of it, a, a/inner, a/inner/2, c and its three.
  expect(first.summary.count).toBe(8);
  writeFileSync(join(dir, 'a/inner/1'), 'not seen');
  writeFileSync(join(dir, 'b/new'), 'not seen');
  await settle();
  expect(scan(dir, patterns).digest).toBe(first.digest);
  writeFileSync(join(dir, 'a/inner/2'), 'seen');
  await settle();
  expect(scan(dir, patterns).digest).not.toBe(first.digest);
});

test('what two builds at once remember of one folder does no harm', async () => {
  const dir = project('both');
  await settle();
  scan(dir);
  const upper = "tree = (SELECT max(id) FROM scanned_trees) AND path IN ('/', '')";
  const kept = db.prepare(`SELECT * FROM scanned_folders WHERE ${upper}`).all() as Record<string, string>[];
  expect(kept).toHaveLength(2);
  writeFileSync(join(dir, 'a/inner/2'), 'other');
  await settle();
  const edited = scan(dir);
  // As if the first scan had been another process's, and had ended last.
  for (const { fingerprint, manifest, content, path } of kept) {
    db.prepare(
      `UPDATE scanned_folders SET fingerprint = ?, manifest = ?, content = ? WHERE ${upper} AND path = ?`,
    ).run(...([fingerprint, manifest, content, path] as string[]));
  }
  db.exec("UPDATE scanned_trees SET fingerprint = ''");
  expect(scan(dir)).toMatchObject({ read: 0, digest: edited.digest });
});

test('manifests that nothing stands on go, but not before a day', async () => {
  const dir = project('pruned');
  await settle();
  const first = scan(dir);
  rememberCopied(db, first.digest, first.summary.manifest);
  writeFileSync(join(dir, 'a/inner/2'), 'other');
  await settle();
  scan(dir);
  const drop = () => transaction(db, () => dropUnneededManifests(db));
  const all = manifests();
  drop();
  expect(manifests()).toBe(all);
  db.exec('UPDATE manifests SET last_used_ms = 0');
  drop();
  // Of what the first scan found, the manifests on the way to the edit: no build that is remembered names them.
  expect(manifests()).toBeLessThanOrEqual(all - 4);
  writeFileSync(join(dir, 'a/inner/2'), 'a/inner2');
  await settle();
  expect(scan(dir)).toMatchObject({ read: 1, digest: first.digest });
  rmSync(dir, { recursive: true });
  db.exec('UPDATE manifests SET last_used_ms = 0');
  drop();
  expect(db.prepare('SELECT 1 FROM scanned_trees WHERE name LIKE ?').all(`%${dir}%`)).toEqual([]);
});
