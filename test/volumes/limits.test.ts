/** Limits of size: kept on btrfs, refused elsewhere; and disks that are full. */
import { writeFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { errnoOf } from '../../src/kit/errors.ts';
import { cambium, cambiumOk } from '../support/cli.ts';
import { type Scratch, scratchOn } from '../support/scratch.ts';

const places: Record<string, Scratch> = {
  btrfs: scratchOn('btrfs', '512M'),
  ext4: scratchOn('ext4', '64M'),
};
afterAll(() => {
  for (const place of Object.values(places)) place[Symbol.dispose]();
});

const megabytes = (count: number) => Buffer.alloc(count << 20, 'x');

/** Code of the error that writing gives, which may come as late as the file is flushed. */
function write(path: string, content: Buffer): string {
  try {
    writeFileSync(path, content, { flush: true });
    return 'written';
  } catch (error) {
    return errnoOf(error) ?? String(error);
  }
}

describe('on btrfs', () => {
  const place = places['btrfs'] as Scratch;
  const options = { store: place.path('store'), cwd: place.dir };
  const volumeOk = (...args: string[]) => cambiumOk(['volume', ...args], options).stdout;

  test('a volume holds no more than its limit, after it was restored too; others have none', () => {
    volumeOk('create', 'small', '--size', '8m');
    expect(volumeOk('inspect', '-f', '{{.limitBytes}}', 'small')).toBe(`${8 << 20}\n`);
    const at = (name: string, file: string) => place.path('store/volumes', name, 'fs', file);
    expect(write(at('small', 'fits'), megabytes(4))).toBe('written');
    expect(write(at('small', 'too-much'), megabytes(12))).toMatch(/^(EDQUOT|ENOSPC)$/);
    volumeOk('create', 'other');
    expect(write(at('other', 'much'), megabytes(12))).toBe('written');
    volumeOk('create', 'fresh', '--size', '8m');
    volumeOk('snapshot', 'fresh', 'empty');
    volumeOk('restore', 'fresh', 'empty');
    expect(write(at('fresh', 'too-much'), megabytes(12))).toMatch(/^(EDQUOT|ENOSPC)$/);
  });

  test('what does not fit is not half made', () => {
    volumeOk('create', 'src');
    writeFileSync(place.path('store/volumes/src/fs/big'), megabytes(12));
    volumeOk('export', 'src', '-o', 'src.tar');
    const full = cambium(['volume', 'create', 'never', '--size', '8m', '--from', 'src.tar'], options);
    expect([full.code, full.stderr]).toEqual([3, expect.stringContaining('No space is left')]);
    expect(volumeOk('ls', '-q').split('\n')).not.toContain('never');
  });
});

test('without quotas a limit is refused, and a full disk leaves nothing half made', () => {
  const place = places['ext4'] as Scratch;
  const options = { store: place.path('store'), cwd: place.dir };
  const refused = cambium(['volume', 'create', 'small', '--size', '8m'], options);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("can't have a limit of size")]);
  expect(cambium(['volume', 'create', 'small', '--size', 'x'], options).code).toBe(2);
  cambiumOk(['volume', 'create', 'half'], options);
  writeFileSync(place.path('store/volumes/half/fs/data'), megabytes(30));
  for (const args of [
    ['clone', 'half', 'again'],
    ['snapshot', 'half', 'now'],
  ]) {
    const full = cambium(['volume', ...args], options);
    expect([args, full.code, full.stderr]).toEqual([args, 3, expect.stringContaining('No space is left')]);
  }
  expect(cambiumOk(['volume', 'ls', '-q'], options).stdout).toBe('half\n');
  expect(write(place.path('room'), megabytes(15)), 'what was half made is gone').toBe('written');
});
