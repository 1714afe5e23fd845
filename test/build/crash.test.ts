/** Committed or absent: a build killed at any instant, several at once, and a disk that fills up. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build, buildOk, cambiumOk, readBuild, startCambium } from '../support/cli.ts';
import { killedWithin } from '../support/kill.ts';
import { inconsistencies, leftovers } from '../support/leftovers.ts';
import { type Scratch, scratch, scratchOn } from '../support/scratch.ts';
import { type SpecTree, specTree } from '../support/spec-tree.ts';
import { listTree } from '../support/tree.ts';

const places = { overlay: scratch(), btrfs: scratchOn('btrfs', '1G') };
const here = scratch();
afterAll(() => {
  for (const place of [...Object.values(places), here]) place[Symbol.dispose]();
});

function chain(tree: SpecTree, mark: string): void {
  const names = ['a', 'b', 'c', 'd'];
  for (const name of names)
    tree.stage(
      name,
      `echo ${mark} > /${name}; seq 1 2000 > /data-${name}; mkdir -p /deep/${name}; cat /deep/../${name}`,
    );
  tree.stages('base', ...names);
}

function exported(image: string, at: { store: string }, scratchPlace: Scratch, times = false): string[] {
  const dest = scratchPlace.path(`out-${image}`);
  cambiumOk(['image', 'export', image, '-o', `type=local,dest=${dest}`], at);
  const list = listTree(dest, { times });
  rmSync(dest, { recursive: true });
  return list;
}

describe.each(['overlay', 'btrfs'] as const)('on %s', (driver) => {
  let at: { store: string };
  beforeAll(() => {
    at = { store: places[driver].path('store') };
  });

  test('killed at 50 random instants, the next build is right and nothing is left', {
    timeout: 600_000,
  }, async () => {
    const tree = specTree(here.path(`kill-${driver}`));
    chain(tree, 'start');
    buildOk([tree.spec], at);
    const before = leftovers(at.store);
    // How long a build takes here and now: each that ends before its kill says so anew.
    let wholeMs = 400;
    let killed = 0;
    for (let round = 0; killed < 50 && round < 300; round++) {
      chain(tree, `round ${round}`);
      const { isKilled, tookMs } = await killedWithin(wholeMs, ['build', tree.spec, '-t', 'killed'], at);
      if (isKilled) killed += 1;
      else wholeMs = tookMs;
      if (killed % 10 !== 9 || !isKilled) continue;
      buildOk([tree.spec, '-t', 'after'], at);
      const right = exported('after', at, here).filter((line) => /^[abcd] /.test(line));
      expect(right).toHaveLength(4);
      const clean = { store: places[driver].path(`clean-${round}`) };
      buildOk([tree.spec, '-t', 'clean'], clean);
      expect(exported('after', at, here)).toEqual(exported('clean', clean, here));
    }
    expect(killed).toBe(50);
    buildOk([tree.spec, '--no-cache-filter', 'd'], at);
    const after = leftovers(at.store);
    expect(after.runs).toEqual([]);
    expect(after.processes).toEqual([]);
    expect(after.mounts).toEqual(before.mounts);
    // Other tests have cgroups too, which come and go.
    await expect
      .poll(
        () =>
          leftovers(at.store).cgroups.filter(
            (name) => after.cgroups.includes(name) && !before.cgroups.includes(name),
          ),
        {
          timeout: 15_000,
        },
      )
      .toEqual([]);
    expect(inconsistencies(at.store)).toEqual([]);
  });

  test('ten builds at once run each step once', { timeout: 300_000 }, async () => {
    const tree = specTree(here.path(`together-${driver}`));
    chain(tree, 'together');
    tree.stage('a', 'sleep 1; echo a > /a');
    const started = Array.from({ length: 10 }, (_, index) =>
      startCambium(['build', '--progress', 'json', tree.spec, '-t', `t${index}`], at),
    );
    const runs = (await Promise.all(started.map(({ ended }) => ended))).map(readBuild);
    expect(runs.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual(Array(10).fill(0));
    for (const stage of ['a', 'b', 'c', 'd']) {
      expect(runs.flatMap(({ ran }) => ran).filter((name) => name === stage)).toHaveLength(1);
    }
    const waited = runs.some(({ events }) => events.some((event) => event.type === 'step-waiting'));
    expect(waited).toBe(true);
    expect(inconsistencies(at.store)).toEqual([]);
  });

  test('Ctrl-C ends the whole tree at once with 130, and keeps what was done', async () => {
    const tree = specTree(here.path(`interrupt-${driver}`));
    tree.stage('one', 'echo one > /one');
    tree.stage('slow', 'sleep 300 & sleep 300');
    tree.stages('base', 'one', 'slow');
    const { child, ended } = startCambium(['build', '--progress', 'json', tree.spec], at);
    let seen = '';
    await new Promise<void>((resolve) => {
      child.stdout?.on('data', (data: Buffer) => {
        seen += data.toString();
        if (/"step-started"[^\n]*"slow"/.test(seen)) setTimeout(resolve, 300);
      });
    });
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
    expect(leftovers(at.store).processes).toEqual([]);
    expect(leftovers(at.store).runs).toEqual([]);
    tree.stages('base', 'one');
    expect(buildOk([tree.spec], at).ran).toEqual([]);
  });
});

test('a full disk fails the build with a clear error, and leaves the store whole', {
  timeout: 120_000,
}, () => {
  using small = scratchOn('ext4', '64M');
  const at = { store: small.path('store') };
  const tree = specTree(here.path('full'));
  buildOk([tree.spec, '-t', 'good'], at);
  // Our own copy runs out of space.
  tree.stage('big', 'true');
  tree.write('stages/big/assets/data', 'x'.repeat(80 * 2 ** 20));
  tree.stages('base', 'big');
  const full = build([tree.spec], at);
  expect(full.code).toBe(3);
  expect(full.stdout + full.stderr).toMatch(/No space is left/);
  expect(full.stdout + full.stderr).not.toMatch(/at .*\.cjs:/);
  // The step's own command does.
  tree.remove('stages/big/assets');
  tree.stage('big', 'dd if=/dev/zero of=/data bs=1M count=80');
  const failed = build([tree.spec], at);
  expect([1, 3]).toContain(failed.code);
  cambiumOk(['cache', 'prune'], at);
  tree.stage('big', 'echo small > /data');
  buildOk([tree.spec, '-t', 'better'], at);
  expect(inconsistencies(at.store)).toEqual([]);
  expect(readFileSync(join(at.store, 'cambium.db')).length).toBeGreaterThan(0);
});
