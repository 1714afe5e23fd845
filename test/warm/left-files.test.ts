/** What a step made before and makes no more: packages that a list has no more, bundles with digests in their names. */
import { rmSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { cambium, cambiumOk } from '../support/cli.ts';
import { scratch, scratchOn } from '../support/scratch.ts';
import { cleanFiles, filesOf, makefile, type Project, project, rebuildOk } from './support/project.ts';

let own: Project;
afterEach(() => own[Symbol.dispose]());

function begin(driver: 'overlay' | 'btrfs', ...lines: string[]): void {
  own = project(driver === 'btrfs' ? scratchOn('btrfs', '1G') : scratch());
  const Dockerfile = ['FROM base', 'WORKDIR /w', 'COPY . .', ...lines, ''].join('\n');
  own.write({ Dockerfile, '.dockerignore': 'Dockerfile\n' });
}

const expectClean = () => expect(filesOf(own)).toEqual(cleanFiles(own));

/** As package managers do: what is there isn't installed again, and nothing else is looked at. */
const install = `RUN for name in $(cat list); do
cat site/$name.info 2>/dev/null || { mkdir -p site; echo INSTALL $name; echo $name > site/$name.info; };
done`.replaceAll('\n', ' ');

test.each(['overlay', 'btrfs'] as const)('on %s, a package that a list has no more goes', (driver) => {
  begin(driver, install);
  own.write({ list: 'one\ntwo\n' });
  rebuildOk(own);
  own.write({ list: 'one\ntwo\nthree\n' });
  expect(rebuildOk(own).printed).toEqual(['one', 'two', 'INSTALL three']);
  expectClean();
  // Also one that came by a warm rebuild, and also once more.
  own.write({ list: 'one\ntwo\n' });
  rebuildOk(own);
  expectClean();
  own.write({ list: 'two\n' });
  rebuildOk(own);
  expectClean();
  // It goes on from its last result all the same.
  own.write({ list: 'two\nfour\n' });
  expect(rebuildOk(own).printed).toEqual(['two', 'INSTALL four']);
  expectClean();
});

test('no bundle of an earlier edit stays; a step that names files by their content starts from its base', () => {
  begin(
    'overlay',
    'RUN mkdir -p out; cat src/* > out/app-$(cat src/* | md5sum | cut -c1-8).js; cat src/* > out/map',
  );
  own.write({ 'src/a': 'one\n', 'src/b': 'b\n' });
  rebuildOk(own);
  for (const text of ['two', 'three', 'four']) {
    own.write({ 'src/a': `${text}\n` });
    const { events } = rebuildOk(own);
    expectClean();
    const reasons = events.flatMap((event) => (event.type === 'step-started' ? [event.reason] : []));
    expect(reasons.at(-1)).toMatch(
      /from its base: on its last result it leaves \/w\/out\/app-\w+\.js, which/,
    );
  }
  expect(cambiumOk(['plan', '.'], own.at).stdout).toContain('on its last result it leaves /w/out/app-');
});

test('what an archive, or a list of outputs, holds no more goes', () => {
  begin(
    'overlay',
    'RUN mkdir -p opt && tar -xf src.tar -C opt',
    'RUN for name in $(cat names); do cp names made-$name; done',
  );
  own.write({
    names: 'a b c',
    '.dockerignore': 'Dockerfile\nsrc\n',
    'src/a': 'a',
    'src/b': 'b',
    'src/c': 'c',
  });
  const pack = () =>
    cambiumOk(
      ['run', '--volume', `${own.path('')}:/c`, 'base', 'tar', '-cf', '/c/src.tar', '-C', '/c/src', '.'],
      own.at,
    );
  pack();
  rebuildOk(own);
  own.write({ 'src/d': 'd', names: 'a c d' });
  rmSync(own.path('src/b'));
  pack();
  rebuildOk(own);
  expectClean();
  rmSync(own.path('src/d'));
  own.write({ names: 'a c' });
  pack();
  rebuildOk(own);
  expectClean();
  expect(cambium(['verify', '-t', 'app', '.'], own.at).code).toBe(0);
});

test('a log of each run with the time in its name does not count: there is one, and the step goes on from its last result', () => {
  const log =
    'mkdir -p /logs && touch "/logs/$(date +%Y-%m-%dT%H_%M_%S)_$(tr -dc 0-9 </dev/urandom | head -c 12)-debug-0.log"';
  begin('overlay', `RUN ${log}; make -s`);
  own.write({ Makefile: makefile, 'src/main.c': 'one\n', 'src/other.c': 'other\n', 'src/all.h': 'h\n' });
  rebuildOk(own);
  for (const text of ['two', 'three']) {
    own.write({ 'src/main.c': `${text}\n` });
    expect(rebuildOk(own).printed).toEqual(['CC src/main.c', 'LINK']);
    const files = (list: string[]) => list.map((line) => line.replace(/logs\/\S+/, 'logs/one'));
    expect(files(filesOf(own))).toEqual(files(cleanFiles(own)));
  }
  const verdict = cambium(['verify', '-t', 'app', '.'], own.at);
  expect(verdict.code).toBe(0);
});

test('a list that is read only when nothing changed, as by Maven: it is learnt once that it says nothing', () => {
  const text =
    'if cmp -s main made; then cat lists/inputs; else mkdir -p lists; ls > lists/inputs; cp main made; cat big.a > big.o; fi';
  begin('overlay', `RUN ${text.replace('ls >', '[ -e lists/inputs ] || ls >')}`);
  own.write({ main: 'one\n', 'big.a': 'a\n' });
  rebuildOk(own);
  const reasons = (text: string) => {
    own.write({ main: text });
    const { events } = rebuildOk(own);
    return events.flatMap((event) => (event.type === 'step-started' ? [event.reason] : [])).slice(1);
  };
  expect(reasons('two\n')).toEqual([
    expect.stringContaining('; on its last result'),
    expect.stringContaining('from its base: on its last result it leaves /w/lists/inputs'),
  ]);
  for (const text of ['three\n', 'four\n'])
    expect(reasons(text)).toEqual(['/w/main changed; on its last result']);
  expectClean();
});
