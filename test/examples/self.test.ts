/** docs/self.md: its commands, one after the other, as a person types them. Needs the mirror and npm's registry. */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { buildOk, program } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';

const here = scratch();
afterAll(() => here[Symbol.dispose]());

const root = fileURLToPath(new URL('../..', import.meta.url));
const project = here.path('project');
const store = here.path('store');

test('this project is built by itself', { timeout: 600_000 }, () => {
  cpSync(root, project, {
    recursive: true,
    filter: (path) => !['node_modules', 'dist', '.git'].includes(basename(path)),
  });
  // So that the program tells that it was made from these sources.
  const manifest = JSON.parse(readFileSync(`${project}/package.json`, 'utf8')) as object;
  writeFileSync(`${project}/package.json`, JSON.stringify({ ...manifest, version: '4.7.11' }));
  makeCambium();

  const [build, create, one, two, out, version, ...rest] = commandsOf('docs/self.md');
  expect(rest).toEqual([]);
  type(build);
  expect(buildOk(['examples/self', '-t', 'builder'], { store, cwd: project }).ran).toEqual([]);
  type(create);

  const made = here.path('store/volumes/out/fs/program.cjs');
  expect(type(one)).toMatch(/added \d+ packages/);
  const [first, { ino }] = [readFileSync(made), statSync(made)];
  type(two);
  expect(statSync(made).ino).not.toBe(ino);
  expect(readFileSync(made).equals(first)).toBe(true);

  type(out);
  expect(type(version)).toBe('cambium 4.7.11\n');
  expect(existsSync(`${project}/node_modules`)).toBe(false);
  expect(existsSync(`${project}/dist`)).toBe(false);
});

/** The commands that a page shows, in its order. */
function commandsOf(page: string): string[] {
  const blocks = readFileSync(`${root}/${page}`, 'utf8').matchAll(/^```console\n(.*?)^```/gms);
  return [...blocks].flatMap(([, block = '']) =>
    [...block.matchAll(/^\$ (.*)$/gm)].map(([, line = '']) => line),
  );
}

/** Puts the program in the path; what it runs trusts the machine's authorities: its registry may have one of its own. */
function makeCambium(): void {
  const authority = process.env['NODE_EXTRA_CA_CERTS'];
  const trust = authority === undefined ? '' : `-v '${authority}:/ca.pem:ro' -e NPM_CONFIG_CAFILE=/ca.pem`;
  mkdirSync(here.path('bin'));
  writeFileSync(
    here.path('bin/cambium'),
    `#!/bin/sh
if [ "$1" = run ]; then shift; set -- run ${trust} "$@"; fi
exec '${process.execPath}' -- '${program}' "$@"
`,
  );
  chmodSync(here.path('bin/cambium'), 0o755);
}

function type(line: string | undefined): string {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  return execFileSync('sh', ['-c', line as string], {
    cwd: project,
    // A machine with one core builds with two as well: no quicker.
    env: {
      ...env,
      CAMBIUM_STORE: store,
      CAMBIUM_BUDGET_CPUS: '2',
      PATH: `${here.path('bin')}:${process.env['PATH']}`,
    },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
