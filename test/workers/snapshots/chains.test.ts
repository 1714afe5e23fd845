/** A step of a long chain costs what one of a short chain does: in rows that are read, and in folders that are mounted. */
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { unmount } from '../../../src/kit/system.ts';
import type { SnapshotId, StepKey } from '../../../src/plan/index.ts';
import type { Database } from '../../../src/store/database.ts';
import { listFolders, stackRows } from '../../../src/store/folds.ts';
import { beginRun, newId } from '../../../src/store/runs.ts';
import { openStore } from '../../../src/store/store.ts';
import { prune } from '../../../src/workers/local/cache/prune.ts';
import { repairStore } from '../../../src/workers/local/repair.ts';
import { stackFolders } from '../../../src/workers/local/snapshots/overlay.ts';
import { openSnapshots, type Snapshots } from '../../../src/workers/local/snapshots/registry.ts';
import { scratch, scratchOn } from '../../support/scratch.ts';
import { listTree } from '../../support/tree.ts';

const places = { overlay: scratch(), btrfs: scratchOn('btrfs', '2G') };
afterAll(() => {
  for (const place of Object.values(places)) place[Symbol.dispose]();
});

const steps = 240;

/** `target` with some of its functions replaced. */
function withCalls<T extends object>(target: T, calls: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      const own = (calls as Record<PropertyKey, unknown>)[name];
      const value = own ?? Reflect.get(target, name, target);
      return typeof value === 'function' && own === undefined ? value.bind(target) : value;
    },
  });
}

/** A database that counts the rows which its statements give. */
function counting(db: Database): { db: Database; counted: { rows: number } } {
  const counted = { rows: 0 };
  const prepare: Database['prepare'] = (sql) => {
    const statement = db.prepare(sql);
    const all: typeof statement.all = (...values) => {
      const rows = statement.all(...values);
      counted.rows += rows.length;
      return rows;
    };
    const get: typeof statement.get = (...values) => {
      counted.rows += 1;
      return statement.get(...values);
    };
    return withCalls(statement, { all, get });
  };
  return { db: withCalls(db, { prepare }), counted };
}

/** What the n-th step does: it makes, replaces, moves and removes files and folders of steps before it. */
function change(root: string, step: number): void {
  writeFileSync(join(root, `f${step}`), String(step));
  mkdirSync(join(root, 'shared'), { recursive: true });
  writeFileSync(join(root, 'shared', `s${step % 20}`), String(step));
  if (step % 7 === 0) rmSync(join(root, `f${step - 5}`), { force: true });
  if (step % 11 === 0) writeFileSync(join(root, `f${step - 9}`), `again ${step}`);
  if (step % 31 === 0) {
    rmSync(join(root, 'shared'), { recursive: true });
    mkdirSync(join(root, 'shared'));
  }
  if (step % 41 === 0) {
    mkdirSync(join(root, `d${step}`));
    renameSync(join(root, `f${step}`), join(root, `d${step}`, 'moved'));
  }
}

describe.each(['overlay', 'btrfs'] as const)('%s', (name) => {
  const place = places[name];
  const opened = openStore(place.path('store'));
  const { db, counted } = counting(opened.db);
  const store = { ...opened, db };
  const run = beginRun(store);
  const ids: SnapshotId[] = [];
  const rowsOfStep: number[] = [];
  const trees = new Map<number, string>();
  const listed = (root: string) => listTree(root, { times: false });
  const shown = (reader: Snapshots, id: SnapshotId) => reader.view(id, async (root) => listed(root));

  const snapshots = openSnapshots(store, run);
  const add = (parent: SnapshotId | undefined, fill: (root: string) => void) => {
    const workspace = snapshots.fork(parent);
    fill(workspace.root);
    const key = newId() as string as StepKey;
    return snapshots.commit(workspace, { key, parent, stage: 'chain', title: 'step', durationMs: 1 });
  };

  test('no step reads more rows, or mounts more folders, than the stack may have', () => {
    const model = place.path('model');
    mkdirSync(model);
    for (let step = 1; step <= steps; step++) {
      counted.rows = 0;
      ids.push(add(ids.at(-1), (root) => change(root, step)));
      rowsOfStep.push(counted.rows);
      change(model, step);
      if (step % 40 === 0 || step === steps) {
        trees.set(step, place.path(`tree-${step}`));
        cpSync(model, place.path(`tree-${step}`), { recursive: true });
      }
      expect(stackFolders(snapshots.stackOf(ids.at(-1))).length).toBeLessThanOrEqual(64 + 4);
    }
    // A step that folds reads the stack anew; all others know it.
    const foldings = name === 'overlay' ? Math.ceil(steps / 56) : 0;
    expect(rowsOfStep.filter((rows) => rows > 4).length).toBeLessThanOrEqual(foldings);
    expect(Math.max(...rowsOfStep)).toBeLessThanOrEqual(64 + 8);
    const folds = listFolders(store.db).flatMap((row) => row.folds);
    expect(folds.length).toBe(name === 'overlay' ? Math.floor((steps - 9) / 56) : 0);
  });

  test('every snapshot shows what its steps did, folded or not', async () => {
    for (const reader of [snapshots, openSnapshots(store, run)])
      for (const [step, tree] of trees)
        expect(await shown(reader, ids[step - 1] as SnapshotId)).toEqual(listed(tree));
  });

  test('what each step changed is told as without folds', () => {
    for (const step of [30, 56, 57, 58, 112, 113, 200, 216]) {
      const told = [...snapshots.changes(ids[step - 1] as SnapshotId)].map((one) =>
        one.kind === 'deleted' ? `- ${one.path}` : one.entry.path,
      );
      const own = [`f${step}`, 'shared', `shared/s${step % 20}`];
      if (step % 7 === 0) own.push(`- f${step - 5}`);
      if (step % 11 === 0) own.push(`f${step - 9}`);
      if (step % 31 === 0) own.pop();
      expect(told.filter((path) => !own.includes(path) && !/^- shared\//.test(path))).toEqual([]);
      expect(told).toContain(`f${step}`);
    }
  });

  test('two snapshots on both sides of a fold differ in what the steps between them touched', () => {
    const [before, after] = [ids[39], ids[75]] as SnapshotId[];
    const touched = new Set<string>(['', 'shared']);
    for (let step = 41; step <= 76; step++)
      for (const path of [`f${step}`, `f${step - 5}`, `f${step - 9}`, `d${step}`]) touched.add(path);
    const suspects = snapshots.between(before, after, (found) => [...found.suspects].map(({ path }) => path));
    expect(suspects).toContain('f70');
    expect(
      suspects.filter((path) => !touched.has(path) && !/^(shared|d\d+)\//.test(path) && !/^o\d+-/.test(path)),
    ).toEqual([]);
  });

  test('a branch off the middle of a fold stands on what was there then', () => {
    const branch = add(ids[99], (root) => writeFileSync(join(root, 'own'), 'branch'));
    const at = snapshots.mountView(branch);
    expect(readFileSync(join(at, 'own'), 'utf8')).toBe('branch');
    expect(readFileSync(join(at, 'f100'), 'utf8')).toBe('100');
    expect(() => readFileSync(join(at, 'f101'))).toThrow('ENOENT');
    unmount(at);
  });

  test('a fold whose folder is gone is taken back, and no snapshot with it', async () => {
    const [fold] = listFolders(store.db).flatMap((row) => row.folds);
    if (fold === undefined) return expect(name).toBe('btrfs');
    rmSync(join(store.dir, 'snapshots', fold), { recursive: true });
    const found = (await repairStore(store)).map(({ what }) => what);
    // Cgroups are the machine's.
    expect(found.filter((what) => !what.startsWith('a cgroup'))).toEqual([
      `the row of fold ${fold}, whose files are gone`,
    ]);
    const [step, tree] = [...trees].at(-1) as [number, string];
    expect(await shown(openSnapshots(store, run), ids[step - 1] as SnapshotId)).toEqual(listed(tree));
  });

  test('a prune removes the folds with their snapshots', () => {
    run[Symbol.dispose]();
    prune(store, { all: true, dryRun: false });
    expect(listFolders(store.db)).toEqual([]);
    expect(readdirSync(join(store.dir, 'snapshots'))).toEqual([]);
    expect(() => stackRows(store.db, ids[0] as SnapshotId)).toThrow('has no row');
    store.close();
  });
});
