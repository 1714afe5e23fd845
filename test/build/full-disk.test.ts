/** What fills a disk doesn't stay: a step that prints on after it, and what a killed build left. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { isFull } from '../../src/kit/disk-space.ts';
import { build, buildOk, cambium, cambiumOk } from '../support/cli.ts';
import { leftovers } from '../support/leftovers.ts';
import { type Scratch, scratch, scratchOn } from '../support/scratch.ts';
import { specTree } from '../support/spec-tree.ts';

const here = scratch();
afterAll(() => here[Symbol.dispose]());

/** A tree of stages, and a store on the disk `small` that has the image `good` of it. */
function builtOn(small: Scratch, name: string) {
  const at = { store: small.path('store') };
  const tree = specTree(here.path(name));
  buildOk([tree.spec, '-t', 'good'], at);
  return { at, tree };
}

test('output that finds no room in its log ends nothing in the middle', { timeout: 120_000 }, () => {
  using small = scratchOn('ext4', '64M');
  const { at, tree } = builtOn(small, 'prints');
  tree.stage('fills', 'dd if=/dev/zero of=/data bs=4k || true; echo after');
  tree.stages('base', 'fills');
  const run = build([tree.spec], at);
  expect(run.code).toBe(3);
  expect(run.stdout + run.stderr).toMatch(/No space is left/);
  expect(run.stdout + run.stderr).not.toMatch(/Internal error/);
  expect(leftovers(at.store)).toMatchObject({ mounts: [], processes: [], runs: [] });
  tree.stages('base');
  expect(buildOk([tree.spec], at).ran).toEqual([]);
});

test('`cache prune` removes what a killed build left, on a full disk too', { timeout: 120_000 }, () => {
  using small = scratchOn('ext4', '64M');
  const { at, tree } = builtOn(small, 'killed');
  mkdirSync(`${at.store}/run/abcdefghijkl/mnopqrstuvwx/fs`, { recursive: true });
  writeFileSync(`${at.store}/run/abcdefghijkl.lock`, '');
  fill(`${at.store}/run/abcdefghijkl/mnopqrstuvwx/fs/data`);
  const du = cambium(['cache', 'du'], at);
  expect(du.code, du.stderr).toBe(0);
  const rebuilt = build([tree.spec, '--no-cache'], at);
  expect(rebuilt.code).toBe(3);
  expect(rebuilt.stdout).toMatch(/No space is left.*cambium cache prune/);
  cambiumOk(['cache', 'prune'], at);
  expect(leftovers(at.store).runs).toEqual([]);
  buildOk([tree.spec, '--no-cache'], at);
});

test.each(['ext4', 'btrfs'] as const)(
  'a failed step that filled the disk does not stay: %s',
  { timeout: 120_000 },
  (kind) => {
    using small = scratchOn(kind, kind === 'btrfs' ? '200M' : '64M');
    const { at, tree } = builtOn(small, `fails-${kind}`);
    tree.stage('fills', 'dd if=/dev/zero of=/data bs=64k');
    tree.stages('base', 'fills');
    const run = build([tree.spec], at);
    expect(run.code).toBe(1);
    expect(run.stdout).toMatch(/"step-failed".*"workspaceKept":false/);
    cambiumOk(['cache', 'prune'], at);
    tree.stage('fills', 'echo little > /data');
    expect(buildOk([tree.spec, '-t', 'good'], at).ran).toEqual(['fills']);
    expect(cambiumOk(['run', 'good', 'cat', '/data'], at).stdout).toBe('little\n');
  },
);

test('a full btrfs is told, whatever fills it, and is used again once there is room', {
  timeout: 120_000,
}, () => {
  using small = scratchOn('btrfs', '200M');
  const { at, tree } = builtOn(small, 'full-btrfs');
  const sync = () => execFileSync('sync', ['--file-system', small.path('')]);
  const others: string[] = [];
  do {
    others.push(small.path(`other${others.length}`));
    fill(others.at(-1) as string);
    // Written out, it may take less than was set aside for it.
    sync();
  } while (!isFull(small.path('')));
  const { code, stderr } = cambium(['build', tree.spec, '--no-cache'], at);
  expect(stderr).toMatch(/^error: No space is left on the disk of the store/);
  expect(code).toBe(3);
  for (const other of others) rmSync(other);
  while (isFull(small.path(''))) sync();
  buildOk([tree.spec, '--no-cache', '-t', 'good'], at);
});

function fill(path: string): void {
  const fd = openSync(path, 'w');
  try {
    for (const size of [1 << 20, 1 << 12, 1 << 8]) {
      const piece = Buffer.alloc(size);
      try {
        while (writeSync(fd, piece) === size);
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
      }
    }
  } finally {
    closeSync(fd);
  }
}
