/** A machine that starts anew: what the disk may not have is made again, the rest is trusted. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { boxImage } from '../support/box-image.ts';
import { cambiumOk, program, readBuild } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';

const place = scratch();
afterAll(() => place[Symbol.dispose]());
let at: { store: string; cwd: string };
beforeAll(() => {
  at = boxImage(place);
  writeFileSync(
    place.path('Dockerfile'),
    'FROM box\nRUN echo 1 > /first\nCOPY Dockerfile /\nRUN echo 2 > /second\n',
  );
});

/** Titles of the steps that a build ran, on a machine whose boot has this name. */
function buildIn(boot: string): string[] {
  writeFileSync(place.path('boot'), `${boot}\n`);
  const script = `mount --bind '${place.path('boot')}' /proc/sys/kernel/random/boot_id && exec "$@"`;
  const command = [process.execPath, program, 'build', '-t', 'app', '--progress', 'json', '.'];
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', script, 'sh', ...command], {
    cwd: place.dir,
    encoding: 'utf8',
    env: { ...env, CAMBIUM_STORE: at.store },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const { events } = readBuild({ code: status, stdout, stderr });
  const done = new Set(events.flatMap((event) => (event.type === 'step-done' ? event.step : [])));
  return events.flatMap((event) =>
    event.type === 'step-planned' && done.has(event.step) ? event.title : [],
  );
}

/** Makes all snapshots ten minutes older but that of one step. */
function ageAllBut(title: string): void {
  const database = openDatabase(`${at.store}/cambium.db`);
  database.prepare('UPDATE snapshots SET created_ms = created_ms - 600000 WHERE title <> ?').run(title);
  database.close();
}

const base = 'FROM box';
const [first, copy, second] = ['RUN echo 1 > /first', 'COPY Dockerfile /', 'RUN echo 2 > /second'];

test('a young result is made again in another boot, once; an old one never', () => {
  expect(buildIn('one')).toEqual([base, first, copy, second]);
  expect(buildIn('one')).toEqual([]);
  expect(buildIn('another')).toEqual([base, first, copy, second]);
  expect(buildIn('another')).toEqual([]);
  ageAllBut(second);
  expect(buildIn('a third')).toEqual([second]);
  ageAllBut('none');
  expect(buildIn('a fourth')).toEqual([]);
});

test('images stay, and can be used', () => {
  expect(cambiumOk(['image', 'ls'], at).stdout).toContain('app:latest');
  expect(cambiumOk(['run', 'app', 'cat', '/second'], at).stdout).toBe('2\n');
});
