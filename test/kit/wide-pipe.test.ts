/** Pipes that take more at once. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { native } from '../../src/kit/native.ts';
import { widenPipe } from '../../src/kit/system.ts';
import { scratch } from '../support/scratch.ts';

const fcntl = native('int fcntl(int fd, int command, int argument)');
const F_GETPIPE_SZ = 1032;

test('a pipe is wider then, and a file stays as it is', () => {
  using place = scratch();
  execFileSync('mkfifo', [place.path('pipe')]);
  writeFileSync(place.path('file'), 'text');
  const [pipe, file] = [openSync(place.path('pipe'), 'r+'), openSync(place.path('file'), 'r+')];
  const before = fcntl(pipe, F_GETPIPE_SZ, 0);
  widenPipe(pipe);
  widenPipe(file);
  expect(fcntl(pipe, F_GETPIPE_SZ, 0)).toBeGreaterThan(before);
  closeSync(pipe);
  closeSync(file);
});
