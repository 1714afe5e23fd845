/** Input that nobody means: what is said of it, and that the program stays in hand. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { boxImage } from '../support/box-image.ts';
import { type CliOptions, cambium, cambiumOk, startCambium } from '../support/cli.ts';
import { type Scratch, scratch } from '../support/scratch.ts';

let place: Scratch;
let at: CliOptions;

beforeAll(() => {
  place = scratch();
  at = boxImage(place);
});
afterAll(() => place[Symbol.dispose]());

/** A folder with this Dockerfile; gives its path. */
function project(name: string, dockerfile: string): string {
  mkdirSync(place.path(name), { recursive: true });
  writeFileSync(place.path(name, 'Dockerfile'), dockerfile);
  return place.path(name);
}

test('Ctrl-C ends a long chain of copies, none of which waits for anything', async () => {
  const copies = Array.from({ length: 400 }, (_, index) => `COPY Dockerfile /${index}\n`).join('');
  const path = project('chain', `FROM scratch\n${copies}`);
  const { child, ended } = startCambium(['build', '--progress', 'json', path], at);
  let isSent = false;
  child.stdout?.on('data', (data: Buffer) => {
    if (!isSent && data.includes('step-done')) isSent = child.kill('SIGINT');
  });
  const { code, stdout } = await ended;
  expect(stdout).toMatch(/"type":"build-done".*"outcome":"interrupted"/);
  expect(code).toBe(130);
});

test('a path that is too long for the system is told as that', () => {
  const path = project('deep', 'FROM scratch\nCOPY . /\n');
  const start = process.cwd();
  try {
    process.chdir(path);
    for (let depth = 0; depth < 25; depth++) {
      mkdirSync('d'.repeat(200));
      process.chdir('d'.repeat(200));
    }
  } finally {
    process.chdir(start);
  }
  const { code, stderr } = cambium(['build', path], at);
  // Node can't remove it either.
  execFileSync('rm', ['-r', path]);
  expect(stderr).toMatch(/error: A path is longer than the system takes/);
  expect(code).toBe(3);
});

test('a name with a line break stays in its row', () => {
  const path = project('names', 'FROM scratch\nCOPY . /\n');
  writeFileSync(place.path('names/a\nb\tc'), '1');
  cambiumOk(['build', path], at);
  writeFileSync(place.path('names/a\nb\tc'), '2');
  expect(cambiumOk(['plan', path], at).stdout).toMatch(/ a\\nb\\tc changed$/m);
});

test('a link out of the context leads nowhere, and no ignore file is to blame', () => {
  const path = project('links', 'FROM scratch\nCOPY out/passwd /\n');
  symlinkSync('/etc', place.path('links/out'));
  const { code, stderr } = cambium(['build', path], at);
  expect(stderr).toMatch(/error: out\/passwd was not found in /);
  expect(code).toBe(2);
});

test('a command that is too long for the system is told as that; its last line is not to blame', () => {
  const path = project('long', `FROM box\nRUN <<EOF\n${`: ${'x'.repeat(98)}\n`.repeat(2000)}EOF\n`);
  const { code, stderr } = cambium(['build', path], at);
  expect(stderr).toMatch(/failed: The command is too long for the system: /);
  expect(stderr).not.toMatch(/of its script|"level":"error"/);
  expect(code).toBe(1);
});

test('another instruction in a place of the file is no list of facts', () => {
  cambiumOk(['build', project('kind', 'FROM box\nRUN true\n')], at);
  const { stderr } = cambiumOk(['build', '--progress', 'plain', project('kind', 'FROM box\nCOPY . /\n')], at);
  expect(stderr).toContain('RUN (another kind of step was here)');
});
