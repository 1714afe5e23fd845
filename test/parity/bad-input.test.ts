/** Bad Dockerfiles over the real command line: one clear error each, at the right place, with the right exit code. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliResult, cambium, cambiumOk } from '../support/cli.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { badBuilds } from './cases/bad-builds.ts';
import { type BadInput, badLanguage } from './cases/bad-language.ts';
import { writeFiles } from './support/case.ts';
import { writeRootfs } from './support/rootfs.ts';

let place: Scratch;
let store: string;

beforeAll(() => {
  place = scratch();
  store = place.path('store');
  writeRootfs(place.path('rootfs'), place.path('rootfs.tar'));
  writeFileSync(place.path('secret'), 'outside\n');
  cambiumOk(['image', 'import', place.path('rootfs.tar'), 'base:latest'], { store });
});

afterAll(() => place[Symbol.dispose]());

let built = 0;

/** Builds in a context of its own; the Dockerfile's path comes with the result. */
function build({ dockerfile, files, args = [] }: Pick<BadInput, 'dockerfile' | 'files' | 'args'>): CliResult {
  const context = place.path(`context-${built++}`);
  mkdirSync(context);
  writeFiles(context, files ?? {});
  const bytes = Buffer.isBuffer(dockerfile) ? dockerfile : `${dockerfile.join('\n')}\n`;
  writeFileSync(`${context}/Dockerfile`, bytes);
  return cambium(['build', '--network', 'none', '--progress', 'plain', ...args, context], {
    store,
    cwd: place.dir,
  });
}

describe('a bad Dockerfile', () => {
  test.each([...badLanguage, ...badBuilds])('$what', (row) => {
    const { code, stderr, stdout } = build(row);
    const said = stderr.slice(Math.max(stderr.search(/^error:/m), 0));
    expect(code, stdout + stderr).toBe(row.code ?? 2);
    expect(said).toMatch(/^error: /);
    expect(said).not.toContain('Internal error');
    expect(said).toMatch(row.message);
    if (row.hint !== undefined) expect(said.slice(said.search(/^hint:/m))).toMatch(row.hint);
    if (row.at !== undefined) expect(said).toMatch(new RegExp(`--> .*/Dockerfile:${row.at}\\b`));
    if (row.excerpt !== undefined) expect(stderr).toContain(row.excerpt);
  });
});

test('10 MB of instructions are read in a time that fits their size', () => {
  const comment = `# ${'x'.repeat(97)}\n`;
  const dockerfile = Buffer.from(
    `FROM base\n${comment.repeat(90_000)}LABEL a=${'y'.repeat(1_000_000)}\nCOPPY x\n`,
  );
  const start = Date.now();
  const { code, stderr } = build({ dockerfile });
  expect(code).toBe(2);
  expect(stderr).toMatch(/Dockerfile:90003/);
  expect(Date.now() - start).toBeLessThan(20_000);
});

test('a build that fails names its Dockerfile when that comes from standard input', () => {
  const context = place.path('stdin');
  mkdirSync(context);
  const { code, stderr } = cambium(['build', '-f', '-', context], { store, input: 'FROM base\nCOPPY a b\n' });
  expect(code).toBe(2);
  expect(stderr).toMatch(/-->.*:2:1/);
  expect(stderr).toMatch(/2 \| COPPY a b\n +\| \^/);
});

test('nothing of a bad build is left in the store', () => {
  const { code } = build({ dockerfile: ['FROM base', 'RUN echo unique-text-of-a-run && exit 1'] });
  expect(code).toBe(1);
  const { stdout } = cambiumOk(['image', 'ls', '--json'], { store });
  expect((JSON.parse(stdout) as { tags: string[] }[]).flatMap(({ tags }) => tags)).toEqual(['base:latest']);
  expect(readFileSync(place.path('secret'), 'utf8')).toBe('outside\n');
});
