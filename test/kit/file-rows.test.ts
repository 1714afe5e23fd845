/** Metadata as rows of numbers is what lstat says, however it was read. */
import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  type FileRows,
  partsOfFolder,
  readRow,
  rowAt,
  rowOfPath,
  rowOfStats,
  sameRow,
  typeOfRow,
} from '../../src/kit/file-rows.ts';
import { decodeName, fsPath } from '../../src/kit/names.ts';
import {
  bytesOfNames,
  entryNames,
  expectEntries,
  readFolder,
  readFolderAfter,
} from '../../src/kit/read-folder.ts';
import { rowOfDescriptor } from '../../src/kit/statx.ts';
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

/** Waits until what changes from now on has another time than this row. */
function untilTimePasses(row: FileRows): void {
  const { ctimeNs } = readRow(row);
  do writeFileSync(here.path('clock'), '');
  while (lstatSync(here.path('clock'), { bigint: true }).ctimeNs <= ctimeNs);
}

const changes: Record<string, (path: (name: string) => string) => void> = {
  nothing: () => {},
  content: (path) => writeFileSync(path('f1'), 'x'),
  mode: (path) => chmodSync(path('f2'), 0o600),
  'one more': (path) => writeFileSync(path('more'), ''),
  'one less': (path) => rmSync(path('more')),
  'another name': (path) => renameSync(path('f3'), path('f3-renamed')),
  'one in the place of another': (path) => renameSync(path('f4'), path('f5')),
  'a second name': (path) => linkSync(path('f6'), path('f6-too')),
  'something below': (path) => writeFileSync(path('inner/file'), ''),
  all: (path) => {
    for (let index = 10; index < 150; index++) rmSync(path(`f${index}`));
  },
};

test('a folder that was read before reads as one that was not', () => {
  const folder = here.path('known');
  mkdirSync(join(folder, 'inner'), { recursive: true });
  for (let index = 0; index < 150; index++) writeFileSync(join(folder, `f${index}`), '');
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/bytes-`), Buffer.of(0xff)]), '');
  expectEntries(150);
  for (const [what, change] of Object.entries(changes)) {
    const before = readFolder(folder);
    untilTimePasses(before.own);
    change((name) => join(folder, name));
    const [own, nameBytes, rows] = partsOfFolder(before) as [Uint8Array, Uint8Array, Uint8Array];
    const after = readFolderAfter(folder, [own, nameBytes, rows]);
    expect([what, after === 'same']).toEqual([what, what === 'nothing']);
    expect([what, after === 'same' ? before : after]).toEqual([what, readFolder(folder)]);
    // What a damaged file gives.
    for (const damaged of [Buffer.alloc(0), Buffer.from('f1'), Buffer.from('nothing\0')])
      expect(readFolderAfter(folder, [own, damaged, rows])).toEqual(readFolder(folder));
    expect(readFolderAfter(folder, [])).toEqual(readFolder(folder));
  }
});

test('device numbers', () => {
  for (const path of ['/dev/null', '/dev/urandom']) {
    const row = rowOfPath(path);
    expect(row && readRow(row).device.major).toBe(1);
  }
});
