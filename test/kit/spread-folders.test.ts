/** Folders on ext4 that begin in a part of the disk of their own. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { spreadFolders } from '../../src/kit/spread-folders.ts';
import { scratch, scratchOn } from '../support/scratch.ts';

const disk = scratchOn('ext4', '64G');
const here = scratch();
afterAll(() => {
  for (const place of [disk, here]) place[Symbol.dispose]();
});

test('folders in a folder that spreads are far from each other, others are not', () => {
  /** Of folders made there: of how many parts of the disk, of 16 groups with 8192 inodes each, they are. */
  const parts = (top: string) => {
    const inodes = Array.from({ length: 8 }, (_, index) => {
      const folder = join(top, `f${index}`);
      mkdirSync(folder);
      return statSync(folder).ino;
    });
    return new Set(inodes.map((inode) => Math.floor((inode - 1) / (16 * 8192)))).size;
  };
  const [plain, spread] = [disk.path('plain'), disk.path('spread')];
  for (const folder of [plain, spread]) mkdirSync(folder);
  spreadFolders(spread);
  spreadFolders(spread);
  expect(execFileSync('lsattr', ['-d', spread], { encoding: 'utf8' })).toMatch(/^\S*T/);
  expect(parts(plain)).toBe(1);
  expect(parts(spread)).toBeGreaterThan(1);
  expect(execFileSync('lsattr', ['-d', join(spread, 'f1')], { encoding: 'utf8' })).not.toMatch(/^\S*T/);
});

test('on a file system of another kind nothing happens', () => {
  mkdirSync(here.path('folder'));
  spreadFolders('/proc/self');
  spreadFolders(here.path('folder'));
});
