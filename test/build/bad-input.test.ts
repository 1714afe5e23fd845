/** Bad input over the real command line: a clear error, the right exit code, no stack trace, an unchanged store. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  buildOk,
  program as bundle,
  type CliResult,
  cambium,
  cambiumOk,
  startCambium,
} from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';
import { type SpecTree, specTree } from '../support/spec-tree.ts';

const here = scratch();
const at = { store: here.path('store') };
afterAll(() => here[Symbol.dispose]());

let tree: SpecTree;
beforeAll(() => {
  tree = specTree(here.path('good'));
  buildOk([tree.spec, '-t', 'good'], at);
});

interface Row {
  name: string;
  code: number;
  /** What the message has to say. */
  says: RegExp;
  args: (dir: string) => readonly string[];
  env?: Record<string, string>;
}

const program = (dir: string, stages: string) => {
  writeFileSync(
    join(dir, 'cambium.ts'),
    `import { command, copy, image } from 'cambium';\nexport default image({ ${stages} });\n`,
  );
  return ['build', join(dir, 'cambium.ts')];
};
const layout = (dir: string) => {
  cambiumOk(['image', 'export', 'good', '-o', `type=oci,dest=${dir}/layout/`], at);
  return join(dir, 'layout');
};

const rows: Row[] = [
  {
    name: 'an unknown command',
    code: 2,
    says: /biuld[\s\S]*Did you mean[\s\S]*build/,
    args: () => ['biuld'],
  },
  {
    name: 'an unknown flag',
    code: 2,
    says: /--taag[\s\S]*Did you mean[\s\S]*--tag/,
    args: () => ['build', '--taag', 'x'],
  },
  {
    name: 'a bad size',
    code: 2,
    says: /lots[\s\S]*--memory/,
    args: () => ['build', tree.spec, '--memory', 'lots'],
  },
  { name: 'a bad tag', code: 2, says: /UPPER/, args: () => ['build', tree.spec, '-t', 'UPPER CASE'] },
  {
    name: 'an unknown output',
    code: 2,
    says: /type[\s\S]*oci/,
    args: () => ['build', tree.spec, '-o', 'type=zip,dest=x'],
  },
  { name: 'a folder without a build file', code: 2, says: /no build file/, args: (dir) => ['build', dir] },
  {
    name: 'a file that is not there',
    code: 2,
    says: /nowhere\.spec[\s\S]*doesn't exist/,
    args: (dir) => ['build', join(dir, 'nowhere.spec')],
  },
  {
    name: 'an unknown target',
    code: 2,
    says: /nostage/,
    args: () => ['build', tree.spec, '--target', 'nostage'],
  },
  {
    name: 'a file for the digest in a folder that is not there',
    code: 2,
    says: /--iidfile[\s\S]*no folder/,
    args: (dir) => ['build', tree.spec, '--iidfile', join(dir, 'none/id')],
  },
  {
    name: 'a folder as the file for metadata',
    code: 2,
    says: /--metadata-file is a folder/,
    args: (dir) => ['build', tree.spec, '--metadata-file', dir],
  },
  {
    name: 'too many arguments',
    code: 2,
    says: /got 2\.\n/,
    args: (dir) => ['build', tree.spec, dir],
  },
  { name: 'an unknown image', code: 2, says: /nothing/, args: () => ['image', 'inspect', 'nothing'] },
  { name: 'an unknown step', code: 2, says: /nostep/, args: () => ['explain', 'nostep'] },
  {
    name: 'a copy of a file that is not there',
    code: 2,
    says: /missing/,
    args: (dir) => program(dir, "stages: [copy('missing', '/x')]"),
  },
  {
    name: 'a path that leaves its folder',
    code: 2,
    says: /\.\.\/good/,
    args: (dir) => program(dir, "stages: [copy('../good', '/x')]"),
  },
  {
    name: 'a program that is not in the image',
    code: 1,
    says: /nothere/,
    args: (dir) => program(dir, "base: 'good', stages: [command(['/bin/nothere'])]"),
  },
  {
    name: 'an unknown user',
    code: 2,
    says: /nobody-of-that-name/,
    args: (dir) => program(dir, "base: 'good', stages: [command('true', { user: 'nobody-of-that-name' })]"),
  },
  {
    name: 'a broken tar',
    code: 3,
    says: /broken\.tar/,
    args: (dir) => {
      writeFileSync(join(dir, 'broken.tar'), 'x'.repeat(5000));
      return program(dir, "base: './broken.tar', stages: [command('true')]");
    },
  },
  {
    name: 'a bad name for an import, told before the archive is read',
    code: 2,
    says: /^error: `BAD`/,
    args: (dir) => ['image', 'import', layout(dir), 'BAD'],
  },
  {
    name: 'a truncated tar',
    code: 3,
    says: /short\.tar/,
    args: (dir) => {
      cambiumOk(['image', 'export', 'good', '-o', `type=tar,dest=${join(dir, 'whole.tar')}`], at);
      writeFileSync(join(dir, 'short.tar'), readFileSync(join(dir, 'whole.tar')).subarray(0, 700_123));
      return ['image', 'import', join(dir, 'short.tar'), 'short'];
    },
  },
  {
    name: 'an OCI layout whose layer is not what its digest says',
    code: 3,
    says: /digest/,
    args: (dir) => {
      const blobs = join(layout(dir), 'blobs/sha256');
      const biggest = readdirSync(blobs).sort(
        (a, b) => readFileSync(join(blobs, b)).length - readFileSync(join(blobs, a)).length,
      )[0];
      const file = join(blobs, biggest as string);
      const data = readFileSync(file);
      data[data.length - 2000] = (data[data.length - 2000] as number) ^ 1;
      chmodSync(file, 0o644);
      writeFileSync(file, data);
      // Another store: this one has that layer, and wouldn't read it.
      return ['image', 'import', join(dir, 'layout'), 'wrong', '--store', join(dir, 'store')];
    },
  },
  {
    name: 'an OCI layout without its index',
    code: 2,
    says: /index\.json/,
    args: (dir) => {
      const where = layout(dir);
      execFileSync('rm', [join(where, 'index.json')]);
      return program(dir, `base: 'oci-layout://${where}', stages: [command('true')]`);
    },
  },
  {
    name: 'a store that is a file',
    code: 3,
    says: /not a folder|can't be/,
    args: (dir) => {
      writeFileSync(join(dir, 'file'), '');
      return ['build', tree.spec, '--store', join(dir, 'file')];
    },
  },
  {
    name: 'a store whose database is no database',
    code: 3,
    says: /damaged[\s\S]*doctor/,
    args: (dir) => {
      mkdirSync(join(dir, 'store'));
      writeFileSync(
        join(dir, 'store/cambium.db'),
        'this is no database, but long enough to be read as one '.repeat(100),
      );
      return ['build', tree.spec, '--store', join(dir, 'store')];
    },
  },
  {
    name: 'an output into a folder that is not there',
    code: 2,
    says: /nofolder/,
    args: (dir) => ['build', tree.spec, '-o', `type=docker,dest=${join(dir, 'nofolder/deep/x.tar')}`],
  },
];

test.each(rows)('$name', ({ name, code, says, args, env }) => {
  const dir = here.path(name.replaceAll(/\W+/g, '-'));
  mkdirSync(dir, { recursive: true });
  const command = args(dir);
  const before = stored();
  expectClear(cambium(command, { ...at, cwd: dir, ...(env && { env }) }), code, says);
  // A configure that went well may stay, what failed may not.
  expect(stored().images).toEqual(before.images);
  expect(stored().runs).toEqual([]);
});

function expectClear(result: CliResult, code: number, says: RegExp): void {
  const text = result.stdout + result.stderr;
  expect(text).toMatch(says);
  expect(text).not.toMatch(/\n\s+at .*:\d+:\d+/);
  expect(text).not.toContain('Internal error');
  expect(result.code).toBe(code);
}

function stored() {
  return {
    images: cambiumOk(['image', 'ls'], at).stdout,
    runs: readdirSync(join(at.store, 'run')).filter((name) => name.endsWith('.lock')),
  };
}

test('no right to the store', () => {
  // Node and the program must be there for the other user.
  const dir = here.path('private');
  mkdirSync(dir, { mode: 0o700 });
  chmodSync(here.dir, 0o755);
  for (const name of ['cambium.cjs', 'program.cjs', 'plan.cjs', 'later.cjs'])
    writeFileSync(here.path(name), readFileSync(new URL(`../../dist/${name}`, import.meta.url)), {
      mode: 0o755,
    });
  const copy = here.path('cambium.cjs');
  symlinkSync(new URL('../../node_modules', import.meta.url).pathname, here.path('node_modules'));
  try {
    execFileSync(
      'setpriv',
      [
        '--reuid',
        '65534',
        '--regid',
        '65534',
        '--clear-groups',
        process.execPath,
        copy,
        'image',
        'ls',
        '--store',
        join(dir, 'store'),
      ],
      {
        encoding: 'utf8',
        stdio: 'pipe',
      },
    );
    expect.unreachable('it went through');
  } catch (error) {
    const { status, stderr, stdout } = error as { status: number; stderr: string; stdout: string };
    expect(stdout + stderr).toMatch(/ermission|can't be opened|Cannot find module/);
    expect(status).toBe(3);
  }
});

test('a file that changes while it is copied fails the build, and nothing of it is cached', async () => {
  const dir = here.path('changing');
  mkdirSync(join(dir, 'src'), { recursive: true });
  // Big enough that copying it takes a while.
  writeFileSync(join(dir, 'src/big'), Buffer.alloc(600 * 2 ** 20, 1));
  const args = program(dir, "stages: [copy('src', '/src')]");
  const { child, ended } = startCambium(args, at);
  const timer = setInterval(
    () => writeFileSync(join(dir, 'src/big'), String(Math.random()), { flag: 'a' }),
    5,
  );
  const result = await ended;
  clearInterval(timer);
  expect(child.pid).toBeGreaterThan(0);
  expectClear(result, 2, /changed while it was being copied/);
  expect(readdirSync(join(at.store, 'run')).filter((name) => name.endsWith('.lock'))).toEqual([]);
  cambiumOk(args, at);
});

test('a reader that goes away from an image is told as that', () => {
  const { stderr, status } = spawnSync(
    '/bin/bash',
    [
      '-c',
      `set -o pipefail; "$0" "$1" image export good -o - | head -c 10 >/dev/null`,
      process.execPath,
      bundle,
    ],
    { encoding: 'utf8', env: { ...process.env, CAMBIUM_STORE: at.store, NO_COLOR: '1' } },
  );
  expect(stderr).toContain('went away');
  expect(stderr).not.toContain('Internal error');
  expect(status).toBe(3);
});

test('an output to a link fills the folder that it leads to', () => {
  mkdirSync(here.path('target'));
  symlinkSync(here.path('target'), here.path('link'));
  cambiumOk(['image', 'export', 'good', '-o', here.path('link')], at);
  expect(lstatSync(here.path('link')).isSymbolicLink()).toBe(true);
  expect(readdirSync(here.path('target'))).toContain('bin');
});

test('`--` before the command of a shell is no part of it; what prints nothing has no last line', () => {
  expect(cambiumOk(['shell', 'base', '--', 'echo', 'here'], at).stdout).toBe('here\n');
  const silent = specTree(here.path('silent'));
  silent.stage('silent', 'exit 4');
  silent.stage('slow', 'sleep 30');
  silent.stages('base', 'silent');
  expect(cambium(['build', silent.spec], at).stderr).not.toContain('last line');
  silent.stages('base', 'slow');
  expect(cambium(['build', silent.spec, '--timeout', '1s'], at).stderr).toContain(
    'after 1 s, its time limit.\n',
  );
});
