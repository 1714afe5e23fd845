/** How the program ends when its outputs are files: all is in them, and the exit code is right. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { boxImage } from '../support/box-image.ts';
import { program } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';

test('a build that ran something, one that failed, a command that the image ends', () => {
  using place = scratch();
  const { store } = boxImage(place);
  const run = (...args: string[]) => {
    const [out, err] = [openSync(place.path('out'), 'w'), openSync(place.path('err'), 'w')];
    const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
    const { status } = spawnSync(process.execPath, ['--', program, ...args], {
      cwd: place.dir,
      env: { ...env, CAMBIUM_STORE: store, NO_COLOR: '1' },
      stdio: ['ignore', out, err],
    });
    closeSync(out);
    closeSync(err);
    return {
      status,
      out: readFileSync(place.path('out'), 'utf8'),
      err: readFileSync(place.path('err'), 'utf8'),
    };
  };
  writeFileSync(place.path('Dockerfile'), 'FROM box\nRUN echo one > /one\n');
  const done = run('build', '.', '-t', 'one');
  expect(done).toMatchObject({ status: 0 });
  expect(done.err).toContain('built one');
  writeFileSync(place.path('Dockerfile'), 'FROM box\nRUN echo gone; exit 7\n');
  const failed = run('build', '.');
  expect(failed).toMatchObject({ status: 1 });
  expect(failed.err).toContain('failed after');
  expect(run('run', 'one', 'sh', '-c', 'cat /one; exit 9')).toMatchObject({ status: 9, out: 'one\n' });
});
