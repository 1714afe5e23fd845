/** `COPY --link`: files that know nothing of their base, on both kinds of store. */
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildOk, cambiumOk } from '../support/cli.ts';
import { type Scratch, scratch, scratchOn } from '../support/scratch.ts';

describe.each(['overlay', 'btrfs'])('on %s', (driver) => {
  let place: Scratch;
  let at: { store: string; cwd: string };

  beforeEach(() => {
    place = driver === 'btrfs' ? scratchOn('btrfs', '512M') : scratch();
    for (const folder of ['base/bin', 'ctx/many']) mkdirSync(place.path(folder), { recursive: true });
    copyFileSync('/usr/bin/busybox', place.path('base/bin/busybox'));
    for (const name of ['sh', 'mkdir', 'ln', 'touch', 'chmod', 'ls'])
      symlinkSync('busybox', place.path('base/bin', name));
    at = { store: place.path('store'), cwd: place.path('ctx') };
    cambiumOk(['image', 'import', place.path('base'), 'base'], at);
    writeFileSync(place.path('ctx/a'), 'a\n');
    for (let number = 0; number < 60; number++)
      writeFileSync(place.path('ctx/many', `f${number}`), `${number}\n`);
  });
  afterEach(() => place[Symbol.dispose]());

  function buildInto(out: string, ...lines: string[]) {
    rmSync(place.path(out), { recursive: true, force: true });
    writeFileSync(place.path('ctx/Dockerfile'), `${lines.join('\n')}\n`);
    return buildOk(['.', '-t', out, '-o', `type=local,dest=${place.path(out)}`], at);
  }

  test('it takes the place of what is there, and folders are put together', () => {
    const setUp =
      'RUN mkdir /real /folder && touch /folder/in /real/own && ln -s real /link && mkdir -m 700 /d';
    buildInto(
      'out',
      'FROM base',
      setUp,
      'COPY --link a /link/a',
      'COPY --link a /folder',
      'COPY --link many /d/',
      'RUN touch /d/f0 /after',
    );
    expect(lstatSync(place.path('out/link')).isDirectory()).toBe(true);
    expect(existsSync(place.path('out/real/a'))).toBe(false);
    // Into a folder of the image goes nothing: that there is one isn't known.
    expect(readFileSync(place.path('out/folder'), 'utf8')).toBe('a\n');
    expect(lstatSync(place.path('out/d')).mode & 0o777).toBe(0o755);
    expect(readFileSync(place.path('out/d/f59'), 'utf8')).toBe('59\n');
    expect(existsSync(place.path('out/after'))).toBe(true);
    const history = JSON.parse(cambiumOk(['image', 'history', 'out', '--json'], at).stdout) as {
      createdBy: string;
    }[];
    expect(history.map(({ createdBy }) => createdBy.slice(0, 9)).slice(0, 5)).toEqual([
      'RUN /bin/',
      ...Array<string>(3)
        .fill('COPY many')
        .map((_, index) => ['COPY many', 'COPY a /f', 'COPY a /l'][index] as string),
      'RUN /bin/',
    ]);
  });

  test('another base leaves the copy as it is; other files leave the base', () => {
    const end = ['COPY --link many /d/', 'COPY --link a /a'];
    buildInto('out', 'FROM base', 'RUN mkdir /d && touch /d/f7 /one', ...end);
    const other = buildInto('out', 'FROM base', 'RUN mkdir /d && touch /d/f7 /d/own /two', ...end);
    expect(other.ran).toHaveLength(1);
    expect(existsSync(place.path('out/two'))).toBe(true);
    // What the last copy had and this one lacks: the base shows again.
    rmSync(place.path('ctx/many/f7'));
    const changed = buildInto('out', 'FROM base', 'RUN mkdir /d && touch /d/f7 /d/own /two', ...end);
    expect(changed.ran).toHaveLength(1);
    expect(readFileSync(place.path('out/d/f7'), 'utf8')).toBe('');
    expect(readFileSync(place.path('out/d/f8'), 'utf8')).toBe('8\n');
    expect(existsSync(place.path('out/d/own'))).toBe(true);
    cambiumOk(['image', 'export', 'out', '-o', `type=oci,dest=${place.path('layout')}/`], at);
    cambiumOk(['image', 'import', place.path('layout'), 'again'], at);
    // The root folder's time alone is no change of a layer.
    expect(cambiumOk(['image', 'diff', 'out', 'again'], at).stdout.replace('~ / time\n', '')).toBe('');
  });
});
