/** What starts the program: with a cache and without, and whatever is wrong with that. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hexOf, sha256 } from '../../src/kit/digest.ts';
import { type Scratch, scratch } from '../support/scratch.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
let here: Scratch;
beforeEach(() => {
  here = scratch();
  copyFileSync(join(root, 'dist/cambium.cjs'), here.path('cambium.cjs'));
  writeProgram('one');
});
afterEach(() => here[Symbol.dispose]());

/** A program that prints its word; all are of one length, which is what V8 goes by. */
function writeProgram(word: 'one' | 'two'): void {
  const body = `const say = () => console.log('${word}', process.argv.length);\nsay();\nif (process.argv[2] === 'fail') process.exit(1);\nif (process.argv[3] === 'wait') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);\n`;
  const text = `(function(exports,require,module,__filename,__dirname){${body}})`;
  writeFileSync(here.path('program.cjs'), `// ${hexOf(sha256(text))}\n${text}`);
}

const run = (...args: string[]) => {
  const { stdout, stderr, status } = spawnSync(process.execPath, [here.path('cambium.cjs'), ...args], {
    encoding: 'utf8',
  });
  return { stdout, stderr, status };
};
const says = (word: string, count = 3) => ({ stdout: `${word} ${count}\n`, stderr: '', status: 0 });
const caches = () => readdirSync(here.dir).filter((name) => name.startsWith('program.cjs.'));

/** The new cache of a kind of command. A machine under load may take too long for one at first. */
function makeCache(...args: string[]): string {
  const before = caches();
  for (let tries = 0; tries < 20; tries++) {
    expect(run(...args).status).toBe(0);
    const made = caches().find((name) => !before.includes(name));
    if (made !== undefined) return here.path(made);
  }
  throw new Error('no cache was written');
}

test('a cache is written for each kind of command, and stays', () => {
  const cache = makeCache('build', 'x');
  const content = readFileSync(cache);
  makeCache('build', 'x.spec');
  // Its help calls next to nothing of what a build calls.
  makeCache('build', '--help');
  expect(run('build', 'y')).toEqual(says('one', 4));
  expect(readFileSync(cache)).toEqual(content);
  expect(caches()).toHaveLength(3);
});

test('what a rebuild waits for is not its own work, and keeps no cache from being written', () => {
  expect(run('build', 'wait').status).toBe(0);
  expect(caches()).toEqual([]);
  makeCache('rebuild', 'wait');
});

test('a cache is what runs, and only that of the program as it is now', () => {
  writeProgram('two');
  const cache = makeCache('build');
  const data = readFileSync(cache).subarray(67);
  writeProgram('one');
  expect(run('build')).toEqual(says('one'));
  // Nobody but a test files another program's data under the name of this one.
  const name = readFileSync(here.path('program.cjs')).subarray(0, 67);
  writeFileSync(cache, Buffer.concat([name, data]));
  expect(run('build')).toEqual(says('two'));
});

test.each([
  ['a byte differs', (whole: Buffer) => whole.fill(0x55, 200, 201)],
  ['its end is missing', (whole: Buffer) => whole.subarray(0, -100)],
  ['it is empty', () => Buffer.alloc(0)],
  ['it is zeros', (whole: Buffer) => Buffer.alloc(whole.length)],
])('a damaged cache is replaced: %s', (_, damage) => {
  const cache = makeCache('build');
  const whole = readFileSync(cache);
  const damaged = damage(Buffer.from(whole));
  writeFileSync(cache, damaged);
  for (let tries = 0; tries < 20 && readFileSync(cache).equals(damaged); tries++)
    expect(run('build')).toEqual(says('one'));
  const { length } = readFileSync(cache);
  expect(length).toBe(whole.length);
});

test('a command that fails leaves no cache', () => {
  expect(run('fail')).toEqual({ ...says('one'), status: 1 });
  expect(caches()).toEqual([]);
});

test('many at once', async () => {
  const started = Array.from({ length: 8 }, () =>
    spawn(process.execPath, [here.path('cambium.cjs'), 'build'], { stdio: 'ignore' }),
  );
  const codes = await Promise.all(started.map(async (child) => (await once(child, 'exit'))[0]));
  expect(codes).toEqual(codes.map(() => 0));
  expect(caches().filter((name) => /\.\d+$/.test(name))).toEqual([]);
  expect(run('build')).toEqual(says('one'));
});

test('in a folder that can not be written to', () => {
  chmodSync(here.dir, 0o755);
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath];
  const result = spawnSync('setpriv', [...nobody, here.path('cambium.cjs'), 'build'], { encoding: 'utf8' });
  expect(result).toMatchObject(says('one'));
  expect(caches()).toEqual([]);
});

test('the package as npm packs it', () => {
  execFileSync('npm', ['pack', '--pack-destination', here.dir], { cwd: root, stdio: 'ignore' });
  const modules = here.path('node_modules');
  mkdirSync(modules);
  execFileSync('sh', ['-c', 'cd "$0" && tar -xf ../cambium-*.tgz && mv package cambium', modules]);
  for (const name of ['@photostructure', 'node-gyp-build', 'koffi', '@koromix', 'jiti'])
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  symlinkSync('cambium/dist/cambium.cjs', here.path('node_modules/program'));
  const cambium = (...args: string[]) =>
    spawnSync(process.execPath, [here.path('node_modules/program'), ...args, '--store', here.path('store')], {
      encoding: 'utf8',
      cwd: here.dir,
    });
  for (let round = 0; round < 2; round++)
    expect(cambium('image', 'ls')).toMatchObject({ status: 0, stderr: '' });
  mkdirSync(here.path('spec/stages/base'), { recursive: true });
  writeFileSync(here.path('spec/x.spec'), 'stage base\n');
  writeFileSync(here.path('spec/stages/base/apply.sh'), '#!/bin/bash\nmkdir "$1/chroot"\n', { mode: 0o755 });
  expect(cambium('build', 'spec/x.spec', '-q')).toMatchObject({ status: 0, stderr: '' });
  rmSync(here.path('spec'), { recursive: true });
});

test('a build with nothing to do needs no part but the first, and no cryptography', async () => {
  for (const name of ['node_modules', 'src']) symlinkSync(join(root, name), here.path(name));
  mkdirSync(here.path('dist'));
  for (const part of ['cambium', 'program', 'plan', 'later'])
    copyFileSync(join(root, `dist/${part}.cjs`), here.path(`dist/${part}.cjs`));
  mkdirSync(here.path('x/stages/base'), { recursive: true });
  writeFileSync(here.path('x/x.spec'), 'stage base\n');
  writeFileSync(here.path('x/stages/base/apply.sh'), '#!/bin/bash\nmkdir "$work/chroot"\n', { mode: 0o755 });
  writeFileSync(here.path('x/Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
  mkdirSync(here.path('y'));
  writeFileSync(here.path('y/Dockerfile'), 'FROM base\nCOPY Dockerfile /\n');
  execFileSync('tar', ['-cf', 'base.tar', 'x'], { cwd: here.dir });
  writeFileSync(
    here.path('loaded.cjs'),
    `process.on('exit', () => console.log(process.moduleLoadList.filter((name) => name.includes('crypto/hash')).join()));`,
  );
  const others = ['plan', 'later'].map((part) => {
    const file = here.path(`dist/${part}.cjs`);
    return { file, text: readFileSync(file) };
  });
  const cambium = (...args: string[]) =>
    spawnSync(process.execPath, ['--require', './loaded.cjs', 'dist/cambium.cjs', ...args], {
      cwd: here.dir,
      encoding: 'utf8',
    });
  expect(cambium('image', 'import', 'base.tar', 'base', '--store', 'store')).toMatchObject({ status: 0 });
  for (const path of ['x/x.spec', 'x', 'y']) {
    const build = () => cambium('build', path, '--store', 'store');
    let alone: ReturnType<typeof build> | undefined;
    // A glance is kept once the files are some seconds old; folders that change begin to be young again.
    for (let tries = 0; tries < 100 && alone?.status !== 0; tries++) {
      expect(build()).toMatchObject({ status: 0 });
      for (const { file } of others) writeFileSync(file, '');
      alone = build();
      for (const { file, text } of others) writeFileSync(file, text);
      await sleep(100);
    }
    expect(alone).toMatchObject({ status: 0, stdout: '\n' });
  }
});

test('what is loaded later is of the version that was started, or nothing is', () => {
  const named = (name: string, text: string) => `// ${hexOf(sha256(name))}\n${text}`;
  const later = (word: string) => `(function () { return '${word}'; })`;
  const body =
    "if (process.argv[2] === 'update') require('node:fs').renameSync(__dirname + '/new.cjs', __dirname + '/later.cjs'); console.log(load('later')());";
  writeFileSync(
    here.path('program.cjs'),
    named('one', `(function (exports, require, module, __filename, __dirname, load) { ${body} })`),
  );
  writeFileSync(here.path('later.cjs'), named('one', later('mine')));
  writeFileSync(here.path('new.cjs'), named('two', later('not mine')));
  expect(run()).toMatchObject({ stdout: 'mine\n', status: 0 });
  expect(run('update')).toMatchObject({ stdout: 'mine\n', status: 0 });
  const mixed = run();
  expect(mixed).toMatchObject({ stdout: '' });
  expect(mixed.stderr).toContain('was replaced while it started');
  expect(mixed.status).not.toBe(0);
});
