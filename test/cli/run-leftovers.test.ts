/** Two hundred commands, fifty of them killed at some instant: nothing of any is left after the next one. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { boxImage } from '../support/box-image.ts';
import { cambiumOk, startCambium } from '../support/cli.ts';
import { leftovers } from '../support/leftovers.ts';
import { scratch } from '../support/scratch.ts';

const place = scratch();
let at: { store: string; cwd: string };
beforeAll(() => {
  at = boxImage(place);
  cambiumOk(['volume', 'create', 'shared'], at);
});
afterAll(() => place[Symbol.dispose]());

/** All of what a command may have: each is used in turn. */
const kinds: readonly (readonly string[])[] = [
  ['--network', 'none'],
  ['-v', 'shared:/srv', '--memory', '200m', '--cpus', '1'],
  ['--network', 'nat'],
  ['-v', '.:/here:ro', '--tmpfs', '/t', '--read-only'],
  ['-p', '127.0.0.1::80', '-v', '/srv'],
];
const total = 200;
const victims = 50;

function machine() {
  const rows = (table: string) => {
    const store = openStore(at.store);
    const { count } = store.db.prepare(`SELECT count(*) AS count FROM ${table}`).get() as { count: number };
    store.close();
    return count;
  };
  return {
    ...leftovers(at.store),
    interfaces: readdirSync('/sys/class/net').sort(),
    loops: execFileSync('losetup', ['-a'], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.includes(place.dir)),
    snapshots: readdirSync(`${at.store}/snapshots`),
    volumes: cambiumOk(['volume', 'ls', '-q'], at).stdout,
    ...{ leases: rows('leases'), uses: rows('volume_uses') },
  };
}

test('200 commands, 50 of them killed', { timeout: 300_000 }, async () => {
  const before = machine();
  let [done, killed] = [0, 0];
  // How long one takes here and now.
  let wholeMs = 200;
  const one = async (number: number) => {
    const flags = kinds[number % kinds.length] as readonly string[];
    const startMs = performance.now();
    const script = 'sleep 1000 & echo x > /tmp/x 2>/dev/null; echo ran';
    const { child, ended } = startCambium(['run', ...flags, 'box', 'sh', '-c', script], at);
    // Some are through before: others take their place.
    if (number % 2 === 0 && killed < victims) {
      const early = await Promise.race([ended, sleep(Math.random() * 0.7 * wholeMs)]);
      if (early === undefined) {
        killed += 1;
        child.kill('SIGKILL');
        await ended;
        return;
      }
    }
    const result = await ended;
    expect(result).toMatchObject({ code: 0, stdout: 'ran\n' });
    wholeMs = performance.now() - startMs;
    done += 1;
  };
  for (let number = 0; number < total; number += 2) await Promise.all([one(number), one(number + 1)]);
  expect(done + killed).toBe(total);
  expect(killed).toBe(victims);
  // A process that is killed takes the time that the kernel needs.
  await expect.poll(() => leftovers(at.store).processes, { timeout: 10_000 }).toEqual([]);
  cambiumOk(['run', 'box', 'true'], at);
  const after = machine();
  // Other tests have cgroups too, which come and go.
  const found = after.cgroups.filter((name) => !before.cgroups.includes(name));
  await expect
    .poll(() => leftovers(at.store).cgroups.filter((name) => found.includes(name)), { timeout: 15_000 })
    .toEqual([]);
  expect({ ...after, cgroups: [] }).toEqual({ ...before, cgroups: [] });
  expect(after).toMatchObject({ processes: [], mounts: [], runs: [], leases: 0, uses: 0 });
});
