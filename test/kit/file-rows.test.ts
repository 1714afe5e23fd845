/** Metadata as rows of numbers is what lstat says, however it was read. */
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  readRow,
  readRows,
  rowAt,
  rowOfPath,
  rowOfStats,
  sameRow,
  typeOfRow,
} from '../../src/kit/file-rows.ts';
import { decodeName, fsPath } from '../../src/kit/names.ts';
import { setTimes } from '../../src/kit/system.ts';
import { scratch } from '../support/scratch.ts';

const here = scratch();
afterAll(() => here[Symbol.dispose]());

test('rows of few files and of many are the same', () => {
  const folder = here.path('files');
  mkdirSync(join(folder, 'folder'), { recursive: true });
  for (let index = 0; index < 1200; index++) writeFileSync(join(folder, `f${index}`), 'x'.repeat(index));
  symlinkSync('nowhere', join(folder, 'link'));
  linkSync(join(folder, 'f1'), join(folder, 'f1-too'));
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/bytes-`), Buffer.of(0xff)]), '');
  utimesSync(join(folder, 'f2'), 1, 4_500_000_000.25);
  setTimes(join(folder, 'f3'), -1_500_000_000n);
  const names = readdirSync(folder, { encoding: 'buffer' }).map(decodeName);
  for (const count of [10, names.length]) {
    const some = [...names.slice(0, count), 'gone'];
    const rows = readRows(folder, some);
    expect(some).toEqual(names.slice(0, count));
    for (const [index, name] of some.entries()) {
      const stats = lstatSync(fsPath(join(folder, name)), { bigint: true });
      const row = rowAt(rows, index);
      expect(sameRow(row, rowOfStats(stats))).toBe(true);
      expect(readRow(row)).toMatchObject({
        mtimeNs: stats.mtimeNs,
        ctimeNs: stats.ctimeNs,
        links: Number(stats.nlink),
      });
      expect(typeOfRow(row) === 'directory').toBe(stats.isDirectory());
    }
  }
  rmSync(folder, { recursive: true });
  expect(rowOfPath(folder)).toBeUndefined();
});

test('device numbers', () => {
  for (const path of ['/dev/null', '/dev/urandom']) {
    const row = rowOfPath(path);
    expect(row && readRow(row).device.major).toBe(1);
  }
});
