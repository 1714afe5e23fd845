/** Watching where the kernel has no more watches to give. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { buildSync } from 'esbuild';
import { expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';

const script = `
import { mkdirSync, writeFileSync } from 'node:fs';
import { watchTrees } from '${new URL('../../src/kit/watch/index.ts', import.meta.url).pathname}';
const [dir] = process.argv.slice(2);
const hints = [];
using watch = watchTrees((path) => hints.push(path));
watch.set([{ path: dir, ignore: ['skipped'] }]);
console.log(watch.mode);
const edit = async (path) => {
  hints.length = 0;
  mkdirSync(dir + '/late', { recursive: true });
  writeFileSync(dir + '/' + path, String(Math.random()));
  for (let at = 0; at < 30 && hints.length === 0; at++) await new Promise((resolve) => setTimeout(resolve, 100));
  console.log(path, hints.length > 0 ? 'seen' : 'missed');
};
await edit('a/b/file');
await edit('skipped/file');
await edit('late/file');
console.log(watch.mode);
process.exit();
`;

function watchWith(limit: number): string[] {
  using place = scratch();
  for (const folder of ['a/b/c', 'skipped', 'd']) mkdirSync(place.path('tree', folder), { recursive: true });
  const options = { bundle: true, platform: 'node', format: 'esm', target: 'node20' } as const;
  const outfile = place.path('watch.mjs');
  buildSync({ ...options, outfile, stdin: { contents: script, loader: 'ts', resolveDir: place.dir } });
  // Each user namespace has a limit of its own.
  const shell = `echo ${limit} >/proc/sys/user/max_inotify_watches && exec "$0" "$@"`;
  const args = [
    '--user',
    '--map-root-user',
    'sh',
    '-c',
    shell,
    process.execPath,
    outfile,
    place.path('tree'),
  ];
  return execFileSync('unshare', args, { encoding: 'utf8' }).trim().split('\n');
}

test('by events, as long as there are enough', () => {
  expect(watchWith(100)).toEqual([
    'events',
    'a/b/file seen',
    'skipped/file missed',
    'late/file seen',
    'events',
  ]);
});

test('by looking again and again, when there are not', () => {
  expect(watchWith(2)).toEqual([
    'polling',
    'a/b/file seen',
    'skipped/file missed',
    'late/file seen',
    'polling',
  ]);
});

test('by looking, once a new folder takes the last one', () => {
  // The tree, the folder above it, a, b, c and d.
  expect(watchWith(6)).toEqual([
    'events',
    'a/b/file seen',
    'skipped/file missed',
    'late/file seen',
    'polling',
  ]);
});
