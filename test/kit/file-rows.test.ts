/** Metadata as rows of numbers is what lstat says, however it was read. */
import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readRow, rowAt, rowOfPath, rowOfStats, sameRow, typeOfRow } from '../../src/kit/file-rows.ts';
import { decodeName, fsPath } from '../../src/kit/names.ts';
import { bytesOfNames, entryNames, readFolder, rowOfDescriptor } from '../../src/kit/read-folder.ts';
import { setTimes } from '../../src/kit/system.ts';
import { scratch } from '../support/scratch.ts';

const here = scratch();
afterAll(() => here[Symbol.dispose]());

test('a folder of many files reads the same by either way', () => {
  const folder = here.path('files');
  mkdirSync(join(folder, 'folder'), { recursive: true });
  for (let index = 0; index < 1200; index++)
    writeFileSync(
      join(folder, index % 9 === 0 ? `f${index}-with-a-longer-name-${'y'.repeat(index % 200)}` : `f${index}`),
      'x'.repeat(index),
    );
  symlinkSync('nowhere', join(folder, 'link'));
  linkSync(join(folder, 'f1'), join(folder, 'f1-too'));
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/bytes-`), Buffer.of(0xff)]), '');
  utimesSync(join(folder, 'f2'), 1, 4_500_000_000.25);
  setTimes(join(folder, 'f3'), -1_500_000_000n);
  const few = readFolder(folder);
  const many = readFolder(folder);
  expect(Buffer.compare(few.nameBytes, many.nameBytes)).toBe(0);
  const names = entryNames(few.nameBytes);
  expect([...names].sort()).toEqual(readdirSync(folder, { encoding: 'buffer' }).map(decodeName).sort());
  expect(Buffer.compare(bytesOfNames(names), few.nameBytes)).toBe(0);
  for (const { rows } of [few, many]) {
    for (const [index, name] of names.entries()) {
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
  const fd = openSync(join(folder, 'f7'), 'r');
  expect(sameRow(rowOfDescriptor(fd), rowAt(many.rows, names.indexOf('f7')))).toBe(true);
  closeSync(fd);
  rmSync(folder, { recursive: true });
  expect(rowOfPath(folder)).toBeUndefined();
});

test('device numbers', () => {
  for (const path of ['/dev/null', '/dev/urandom']) {
    const row = rowOfPath(path);
    expect(row && readRow(row).device.major).toBe(1);
  }
});
