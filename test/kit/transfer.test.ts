/** Much data between files: whichever way each part of it takes, all of it arrives where it belongs. */
import { randomFillSync } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDirect } from '../../src/kit/direct.ts';
import { transfer } from '../../src/kit/tar/transfer.ts';
import { type Scratch, scratch, scratchOn } from '../support/scratch.ts';

const MiB = 1024 * 1024;
const content = randomFillSync(Buffer.alloc(80 * MiB + 777));
let place: Scratch;
let from: number;

beforeAll(() => {
  place = scratch();
  writeFileSync(place.path('from'), content);
  from = openSync(place.path('from'), 'r');
});
afterAll(() => {
  closeSync(from);
  place[Symbol.dispose]();
});

function withOutput<T>(path: string, use: (fd: number) => T): T {
  const fd = openSync(path, 'wx+');
  const close = () => closeSync(fd);
  const result = use(fd);
  if (result instanceof Promise) return result.finally(close) as T;
  close();
  return result;
}

function bytesOf(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  expect(readSync(fd, bytes, 0, length, at)).toBe(length);
  return bytes;
}

describe('a large range', () => {
  test.each([
    { name: 'from begin to begin', fromAt: 0, toAt: 0 },
    { name: 'to a place within a block', fromAt: 0, toAt: 512 },
    { name: 'from a place within a block', fromAt: 1001, toAt: 4096 },
  ])('$name', async ({ name, fromAt, toAt }) => {
    const length = content.length - fromAt;
    await withOutput(place.path(name), async (to) => {
      expect(await transfer({ from, fromAt, to, toAt, length })).toBe(length);
      expect(bytesOf(to, toAt, length).equals(content.subarray(fromAt))).toBe(true);
    });
    expect(readFileSync(place.path(name))).toHaveLength(toAt + length);
  });

  test('of a source that is shorter ends where that does', async () => {
    await withOutput(place.path('short'), async (to) => {
      const copied = await transfer({ from, fromAt: 0, to, toAt: 0, length: content.length + 40 * MiB });
      expect(copied).toBe(content.length);
      expect(bytesOf(to, 0, content.length).equals(content)).toBe(true);
    });
  });

  test('stops when that is asked for', async () => {
    const aborting = new AbortController();
    await withOutput(place.path('stopped'), async (to) => {
      const copying = transfer({
        ...{ from, fromAt: 0, to, toAt: 0, length: content.length },
        signal: aborting.signal,
      });
      aborting.abort(new Error('enough'));
      await expect(copying).rejects.toThrow('enough');
    });
  });
});

describe('past the page cache', () => {
  test('a range is copied to where it belongs, and nothing beside it', async () => {
    using disk = scratchOn('ext4', '64M');
    await withOutput(disk.path('to'), async (to) => {
      using direct = openDirect(to);
      expect(await direct?.copy({ from, fromAt: 3, toAt: 8192, length: 9 * MiB + 4096 })).toBe(true);
      expect(bytesOf(to, 8192, 9 * MiB + 4096).equals(content.subarray(3, 9 * MiB + 4099))).toBe(true);
      expect(bytesOf(to, 0, 8192).equals(Buffer.alloc(8192))).toBe(true);
    });
    expect(readFileSync(disk.path('to'))).toHaveLength(8192 + 9 * MiB + 4096);
  });

  test('a full disk and the end of the source are told', async () => {
    using disk = scratchOn('ext4', '32M');
    await withOutput(disk.path('to'), async (to) => {
      using direct = openDirect(to);
      expect(await direct?.copy({ from, fromAt: 0, toAt: 0, length: 48 * MiB })).toBe(false);
      expect(await direct?.copy({ from, fromAt: 76 * MiB, toAt: 0, length: 8 * MiB })).toBe(false);
    });
  });

  test('what is no file on a disk has no such way', () => {
    const fd = openSync('/dev/null', 'w');
    expect(openDirect(fd)).toBeUndefined();
    closeSync(fd);
  });
});
