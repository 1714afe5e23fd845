/** What fills a disk doesn't stay: a step that prints on after it, and what a killed build left. */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { build, buildOk, cambium, cambiumOk } from '../support/cli.ts';
import { leftovers } from '../support/leftovers.ts';
import { scratch, scratchOn } from '../support/scratch.ts';
import { specTree } from '../support/spec-tree.ts';

const here = scratch();
afterAll(() => here[Symbol.dispose]());

test('output that finds no room in its log ends nothing in the middle', { timeout: 120_000 }, () => {
  using small = scratchOn('ext4', '64M');
  const at = { store: small.path('store') };
  const tree = specTree(here.path('prints'));
  tree.stages('base');
  buildOk([tree.spec, '-t', 'good'], at);
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
  const at = { store: small.path('store') };
  const tree = specTree(here.path('killed'));
  buildOk([tree.spec, '-t', 'good'], at);
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
