/** What a run needs only for itself never stays in the image, nor reaches the host. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { UserError } from '../../../src/kit/errors.ts';
import { setTimes } from '../../../src/kit/system.ts';
import { prepareMountpoints } from '../../../src/workers/local/runtimes/index.ts';
import { makeBox } from './support/rootfs.ts';

const box = makeBox();
afterAll(() => box[Symbol.dispose]());
let root: string;
beforeEach(() => {
  root = mkdtempSync(`${box.dir}/tree-`);
});

/** Path, type, size, mode and exact mtime of all that is in a tree. */
function listing(top: string): string[] {
  const lines: string[] = [];
  const walk = (path: string) => {
    const stats = lstatSync(top + path, { bigint: true });
    lines.push(
      `${path || '/'} ${stats.mode.toString(8)} ${stats.isDirectory() ? '' : stats.size} ${stats.mtimeNs}`,
    );
    if (stats.isDirectory()) for (const name of readdirSync(top + path).sort()) walk(`${path}/${name}`);
  };
  walk('');
  return lines;
}

test('stubs are made and removed, and times are as they were', () => {
  mkdirSync(`${root}/etc`);
  setTimes(`${root}/etc`, 1_000_000_000_123_456_789n);
  setTimes(root, 5n);
  const before = listing(root);
  const undo = prepareMountpoints(root, [
    { path: '/proc', kind: 'folder' },
    { path: '/etc/hosts', kind: 'file' },
    { path: '/a/b/c/d', kind: 'file' },
  ]);
  expect(lstatSync(`${root}/a/b/c/d`).isFile()).toBe(true);
  expect(lstatSync(`${root}/proc`).isDirectory()).toBe(true);
  undo();
  expect(listing(root)).toEqual(before);
});

test('what the run changed stays', () => {
  const undo = prepareMountpoints(root, [
    { path: '/a/b', kind: 'folder' },
    { path: '/c', kind: 'file' },
    { path: '/d', kind: 'file' },
  ]);
  writeFileSync(`${root}/a/mine`, '');
  writeFileSync(`${root}/c`, 'mine');
  rmSync(`${root}/d`);
  writeFileSync(`${root}/d`, '');
  utimesSync(`${root}/d`, 1, 1);
  undo();
  expect(readdirSync(`${root}/a`)).toEqual(['mine']);
  expect(readdirSync(root).sort()).toEqual(['a', 'c', 'd']);
});

test("a parent's time that the run set is kept", () => {
  mkdirSync(`${root}/etc`);
  const undo = prepareMountpoints(root, [{ path: '/etc/hosts', kind: 'file' }]);
  setTimes(`${root}/etc`, 7_000_000_000n);
  undo();
  expect(lstatSync(`${root}/etc`, { bigint: true }).mtimeNs).toBe(7_000_000_000n);
});

test.each([
  ['an absolute link', (outside: string) => outside],
  ['a link with ..', (outside: string) => `../../../../../../..${outside}`],
])('%s stays inside', (_, target) => {
  const outside = `${box.dir}/outside-${root.at(-1)}`;
  mkdirSync(`${root}/etc`);
  symlinkSync(target(`${outside}/resolv.conf`), `${root}/etc/resolv.conf`);
  const before = listing(root);
  const undo = prepareMountpoints(root, [{ path: '/etc/resolv.conf', kind: 'file' }]);
  expect(existsSync(outside)).toBe(false);
  expect(lstatSync(`${root}${outside}/resolv.conf`).isFile()).toBe(true);
  undo();
  expect(existsSync(root + outside)).toBe(false);
  expect(listing(root)).toEqual(before);
});

test('loops and wrong types are errors, and leave nothing', () => {
  symlinkSync('loop', `${root}/loop`);
  writeFileSync(`${root}/file`, '');
  const before = listing(root);
  for (const path of ['/loop/x', '/file', '/file/x']) {
    const targets = [{ path: '/proc', kind: 'folder' } as const, { path, kind: 'folder' } as const];
    expect(() => prepareMountpoints(root, targets)).toThrow(UserError);
    expect(listing(root)).toEqual(before);
  }
});

test('a run leaves the rootfs as it was', async () => {
  using own = makeBox();
  rmSync(`${own.rootfs}/etc`, { recursive: true });
  const before = listing(own.rootfs);
  const { stdout, result } = await own.sh('ls /etc; cat /etc/hostname; ls -d /proc/1 /data', {
    mounts: [{ type: 'tmpfs', target: '/data' }],
  });
  expect(stdout).toBe('hostname\nhosts\nresolv.conf\nbox\n/data\n/proc/1\n');
  expect(result).toMatchObject({ exitCode: 0 });
  expect(listing(own.rootfs)).toEqual(before);
});

test('a link at /etc/resolv.conf to a path of the host does not touch the host', async () => {
  using own = makeBox();
  const target = `${own.dir}/on-the-host`;
  writeFileSync(target, 'host');
  symlinkSync(target, `${own.rootfs}/etc/resolv.conf`);
  const before = listing(own.rootfs);
  const { stdout } = await own.sh('echo changed > /etc/resolv.conf; cat /etc/resolv.conf');
  expect(stdout).toBe('changed\n');
  expect(readFileSync(target, 'utf8')).toBe('host');
  expect(listing(own.rootfs)).toEqual(before);
});

test('a mount below another one is made in the source of that, and taken away', async () => {
  using own = makeBox();
  mkdirSync(`${own.dir}/work`);
  const { stdout } = await own.sh('ls /mnt/work; echo x > /mnt/work/inner/deep/x', {
    mounts: [
      { type: 'tmpfs', target: '/mnt/work/inner/deep' },
      { type: 'bind', source: `${own.dir}/work`, target: '/mnt/work', readonly: false },
    ],
  });
  expect(stdout).toBe('inner\n');
  expect(readdirSync(`${own.dir}/work`)).toEqual([]);
  expect(existsSync(`${own.rootfs}/mnt`)).toBe(false);
});
