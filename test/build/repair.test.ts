/** `doctor --repair` finds and mends what doesn't fit together. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { buildOk, cambium, cambiumOk } from '../support/cli.ts';
import { scratch, scratchOn } from '../support/scratch.ts';
import { specTree } from '../support/spec-tree.ts';

const places = { overlay: scratch(), btrfs: scratchOn('btrfs', '1G') };
const here = scratch();
afterAll(() => {
  for (const place of [...Object.values(places), here]) place[Symbol.dispose]();
});

describe.each(['overlay', 'btrfs'] as const)('on %s', (driver) => {
  const at = { store: places[driver].path('store') };

  test('damage of every kind is told, mended, and the next build is right', () => {
    const tree = specTree(here.path(driver));
    tree.stage('one', 'echo one > /one');
    tree.stage('two', 'echo two > /two');
    tree.stages('base', 'one', 'two');
    buildOk([tree.spec, '-t', 'sound', '-o', `type=oci,dest=${here.path(`${driver}-oci`)}/`], at);
    expect(repaired(at)).toEqual([]);

    const store = openStore(at.store);
    const row = store.db
      .prepare("SELECT id FROM snapshots WHERE stage = 'one' AND title LIKE '%inside%'")
      .get() as { id: string };
    store.close();
    const folder = join(at.store, 'snapshots', row.id);
    if (driver === 'btrfs') execFileSync('btrfs', ['subvolume', 'delete', folder], { stdio: 'ignore' });
    else rmSync(folder, { recursive: true });
    mkdirSync(join(at.store, 'snapshots/orphan'));
    mkdirSync(join(at.store, 'run/stray'));
    mkdirSync(join(at.store, 'kept/stray'));
    const blobs = join(at.store, 'blobs/sha256');
    const blob = join(blobs, readdirSync(blobs)[0] as string);
    const data = readFileSync(blob);
    data[0] = (data[0] as number) ^ 1;
    chmodSync(blob, 0o644);
    writeFileSync(blob, data);
    mkdirSync(join(at.store, 'run/stray/mounted'));
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(at.store, 'run/stray/mounted')]);

    const found = repaired(at).join('\n');
    for (const what of [`snapshot ${row.id}`, 'orphan', 'run/stray/mounted', 'blob', 'kept workspace stray'])
      expect(found).toContain(what);
    expect(existsSync(join(at.store, 'snapshots/orphan'))).toBe(false);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain('stray/mounted');
    expect(repaired(at)).toEqual([]);

    expect(buildOk([tree.spec, '-t', 'sound'], at).ran).toEqual(['one', 'two']);
    const dest = here.path(`${driver}-out`);
    cambiumOk(['image', 'export', 'sound', '-o', `type=local,dest=${dest}`], at);
    expect(readFileSync(join(dest, 'one'), 'utf8')).toBe('one\n');
    expect(statSync(join(dest, 'two')).isFile()).toBe(true);
  });
});

function repaired(at: { store: string }): string[] {
  const { stdout, stderr, code } = cambium(['doctor', '--repair'], at);
  expect(code, stdout + stderr).toBe(0);
  return stdout.split('\n').filter((line) => /mended|repaired/i.test(line) && !/ a cgroup /.test(line));
}
