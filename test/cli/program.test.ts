/** Drives the real command line: the bundle, and the launcher in a folder made for it. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commands } from '../../src/cli/program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bundle = join(root, 'dist/cambium.cjs');
let dir = '';

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'cambium-cli-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function cambium(args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}) {
  const env = {
    PATH: process.env['PATH'],
    HOME: dir,
    CAMBIUM_STORE: join(dir, 'store'),
    NO_COLOR: '1',
    ...options.env,
  };
  return spawnSync(process.execPath, [bundle, ...args], { encoding: 'utf8', cwd: options.cwd ?? dir, env });
}

test('the version is that of the package', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(cambium(['--version']).stdout).toBe(`cambium ${version}\n`);
});

describe('help', () => {
  const names = Object.keys(commands);

  test.each([[], ['--help'], ['help']])('cambium %s names every command', (...args: string[]) => {
    const { stdout, status } = cambium(args);
    expect(status).toBe(0);
    for (const command of names) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  });

  test.each(names)('cambium %s --help has examples, also of what is below, in 80 columns', (command) => {
    expect(cambium(['help', command]).stdout).toBe(helpOf(command));
    const below = /^Commands:\n((?: .*\n)+)/m.exec(helpOf(command))?.[1] ?? '';
    for (const [, name] of below.matchAll(/^ {2}([a-z]\S*)/gm)) helpOf(command, name as string);
  });

  /** What the help of a command says, after all was checked that holds for each. */
  function helpOf(...words: string[]): string {
    const { stdout, status, stderr } = cambium([...words, '--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`Usage: cambium ${words.join(' ')}`);
    expect(stdout).toMatch(/Examples:\n {2}\S/);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    return stdout;
  }
});

describe('wrong use: exit code 2, a hint, no stack', () => {
  test.each([
    [['biuld'], 'no command `biuld`', 'Did you mean `cambium build`?'],
    [['ui'], 'no command `ui`', ''],
    [['build', '--tagg', 'x'], '--tagg', 'Did you mean `--tag`?'],
    [['build', 'a', 'b'], 'Too many arguments', ''],
    [['build', '--tag'], 'argument missing', ''],
    [['build', '--memory', 'lots'], '--memory', '512m'],
    [['build', '--progress', 'plian'], '--progress', 'Did you mean `plain`?'],
    [['build', '-o', 'type=qcow3,dest=x'], 'qcow3', ''],
    [['build', '--platform', 'linux/s390x/x/y'], 'linux/s390x/x/y', ''],
    [['build', '--set', 'novalue'], 'novalue', 'NAME=VALUE'],
    [['build', 'nowhere.spec'], 'nowhere.spec', ''],
    [['image'], 'command is missing', '--help'],
    [['image', 'lss'], 'lss', '`ls`'],
    [['images'], 'no command `images`', '`cambium image ls`'],
    [['volume', 'prune', '-f'], '`cambium volume prune`', '`cambium cache prune --volumes`'],
    [['image', 'prune', '-a'], '`cambium image prune`', '`cambium cache prune`'],
    [['build', '--memory', '1'], '--memory', '6m or more'],
    [['store', 'create', 'x', '--size', '1g'], '--btrfs', ''],
    [['explain'], 'step', ''],
  ])('cambium %j', (args, message, hint) => {
    const { status, stderr, stdout } = cambium(args);
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
    expect(stderr).toMatch(/^error: /);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(existsSync(join(dir, 'store'))).toBe(false);
  });

  test('with --progress json it is one line of JSON', () => {
    const { stdout, stderr, status } = cambium(['build', 'nowhere.spec', '--progress', 'json']);
    expect({ stderr, status }).toEqual({ stderr: '', status: 2 });
    expect(JSON.parse(stdout)).toMatchObject({ type: 'error', exitCode: 2 });
  });

  test.each([
    [['build', '--progress', 'json', '--bogus']],
    [['rebuild', '--bogus', '--progress=json']],
    [['build', '--progress=json', '--cpus', 'many']],
    [['verify', '--progress', 'json', 'one', 'two']],
  ])('so it is when the arguments are wrong: %j', (args) => {
    const { stdout, stderr, status } = cambium(args);
    expect({ stderr, status }).toEqual({ stderr: '', status: 2 });
    expect(JSON.parse(stdout)).toMatchObject({ type: 'error', exitCode: 2 });
  });

  test('what follows -- is for another program', () => {
    const { stdout, stderr } = cambium(['dev', '--bogus', '--', '--progress', 'json']);
    expect({ stdout, stderr }).toMatchObject({ stdout: '', stderr: expect.stringMatching(/^error: /) });
  });

  test('SOURCE_DATE_EPOCH that is no number', () => {
    expect(cambium(['build'], { env: { SOURCE_DATE_EPOCH: 'now' } })).toMatchObject({ status: 2 });
  });
});

test('a reader that goes away is no failure', () => {
  const line = `"${process.execPath}" "${bundle}" build --help | true; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', line], { encoding: 'utf8' });
  expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
});

test('colours follow FORCE_COLOR and NO_COLOR', () => {
  expect(cambium(['biuld'], { env: { NO_COLOR: '', FORCE_COLOR: '1' } }).stderr).toContain('\x1b[');
  expect(cambium(['biuld'], { env: { NO_COLOR: '1', FORCE_COLOR: '1' } }).stderr).not.toContain('\x1b[');
});

describe('store', () => {
  test('create and info', () => {
    const path = join(dir, 'made');
    expect(cambium(['store', 'create', path])).toMatchObject({ status: 0, stderr: '' });
    const { stdout, status } = cambium(['store', 'info', '--json', '--store', path]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ store: path, snapshots: 0, blobs: 0, blobBytes: 0 });
  });

  test('on btrfs: made, mounted, not made twice', () => {
    const path = join(dir, 'loop');
    try {
      const made = cambium(['store', 'create', '--btrfs', '--size', '200m', path]);
      expect(made.stderr).toBe('');
      expect(JSON.parse(cambium(['store', 'info', '--json', '--store', path]).stdout)).toMatchObject({
        driver: 'btrfs',
      });
      const again = cambium(['store', 'create', '--btrfs', path]);
      expect(again.status).toBe(2);
      expect(again.stderr).toContain('mounted');
      spawnSync('umount', [path]);
      expect(cambium(['store', 'create', '--btrfs', path]).stdout).toContain('which was there');
      expect(JSON.parse(cambium(['store', 'info', '--json', '--store', path]).stdout)).toMatchObject({
        driver: 'btrfs',
      });
    } finally {
      spawnSync('umount', [path]);
    }
  });

  test('what is in the way is named', () => {
    const path = join(dir, 'taken');
    mkdirSync(path);
    writeFileSync(join(path, 'x'), '');
    expect(cambium(['store', 'create', '--btrfs', path])).toMatchObject({ status: 2 });
    expect(existsSync(`${path}.btrfs`)).toBe(false);
    const file = join(path, 'x');
    const { status, stderr } = cambium(['store', 'info', '--store', file]);
    expect({ status, stderr }).toMatchObject({ status: 3, stderr: expect.stringContaining('not a folder') });
  });
});

test('doctor looks at this machine, and runs a container', () => {
  const { stdout, status } = cambium(['doctor', '--json']);
  const findings = JSON.parse(stdout) as { name: string; state: string }[];
  const names = findings.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining([
      'node',
      'rights',
      'overlay',
      'btrfs',
      'runc',
      'crun',
      'cgroups',
      'nat',
      'emulators',
      'disk',
    ]),
  );
  expect(
    findings.filter(({ name, state }) => /^(runc|crun)$/.test(name) && state === 'ok').length,
  ).toBeGreaterThan(0);
  expect(status).toBe(findings.some(({ state }) => state === 'missing') ? 3 : 0);
});

test.each(['bare', 'used'])('a read-only disk is called so, not a lack of rights: %s', (name) => {
  const where = join(dir, name);
  mkdirSync(where);
  if (name === 'used') cambium(['store', 'info', '--store', join(where, 'store')]);
  const script = `mount --bind '${where}' '${where}' && mount -o remount,bind,ro '${where}' && exec "$@"`;
  const command = [process.execPath, bundle, 'volume', 'create', 'a', '--store', join(where, 'store')];
  const { status, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', script, 'sh', ...command], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], NO_COLOR: '1' },
  });
  expect(stderr).toMatch(/^error: .*read-only/i);
  expect(stderr).not.toContain('Run as root');
  expect(status).toBe(3);
});

test('doctor tells for which processors there are emulators', () => {
  const programs = join(dir, 'programs');
  mkdirSync(programs);
  cpSync('/bin/busybox', join(programs, 'qemu-s390x-static'));
  const { stdout } = cambium(['doctor', '--json'], { env: { PATH: `${programs}:${process.env['PATH']}` } });
  const findings = JSON.parse(stdout) as { name: string; state: string; detail: string }[];
  expect(findings.find(({ name }) => name === 'emulators')).toMatchObject({
    state: 'ok',
    detail: expect.stringContaining('s390x'),
  });
});

describe('init', () => {
  test('writes a tree, and never over what is there', () => {
    const { status, stdout } = cambium(['init', 'My App']);
    expect(status).toBe(0);
    expect(stdout).toContain('wrote My App/my-app.spec\n');
    expect(readdirSync(join(dir, 'My App')).sort()).toEqual(['etc', 'my-app.spec', 'stages']);
    writeFileSync(join(dir, 'My App/my-app.spec'), 'mine');
    expect(cambium(['init', 'My App'])).toMatchObject({ status: 2 });
    expect(readFileSync(join(dir, 'My App/my-app.spec'), 'utf8')).toBe('mine');
  });
});

describe('the launcher', () => {
  /** A clone with all in place: the launcher, the packages' mark, and a bundle that tells what it was given. */
  function clone(name: string): string {
    const copy = join(dir, name);
    mkdirSync(join(copy, 'node_modules'), { recursive: true });
    mkdirSync(join(copy, 'dist'));
    mkdirSync(join(copy, 'src/a'), { recursive: true });
    mkdirSync(join(copy, 'scripts'));
    cpSync(join(root, 'cambium'), join(copy, 'cambium'));
    writeFileSync(join(copy, 'src/a/x.ts'), '');
    writeFileSync(join(copy, 'package-lock.json'), '{}');
    writeFileSync(join(copy, 'node_modules/.package-lock.json'), '{}');
    writeFileSync(join(copy, 'scripts/setup.sh'), '#!/bin/sh\necho "setup $*" >&2\n', { mode: 0o755 });
    writeFileSync(
      join(copy, 'dist/cambium.cjs'),
      'console.log(JSON.stringify([process.argv.slice(2), process.cwd(), process.env.NODE_EXTRA_CA_CERTS ?? null]));',
    );
    writeFileSync(
      join(copy, 'dist/sources.sh'),
      "sources='scripts/bundle.mjs src src/a src/a/x.ts src/a/gone.ts'\n",
    );
    writeFileSync(join(copy, 'dist/no-packages'), '');
    return copy;
  }
  const run = (command: string, args: string[], cwd: string) =>
    spawnSync(command, args, {
      encoding: 'utf8',
      cwd,
      env: { ...process.env, NODE_EXTRA_CA_CERTS: '/nowhere' },
    });

  test('runs the bundle with the arguments, in the same folder, without setup', () => {
    const copy = clone('with space');
    const { stdout, stderr } = run(join(copy, 'cambium'), ['a b', '', '*'], dir);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual([['a b', '', '*'], dir, null]);
  });

  test('through symlinks, absolute and relative', () => {
    const copy = clone('linked');
    mkdirSync(join(dir, 'bin'));
    symlinkSync(join(copy, 'cambium'), join(dir, 'bin/one'));
    symlinkSync('../bin/one', join(dir, 'bin/two'));
    for (const name of ['one', 'two'])
      expect(JSON.parse(run(`./bin/${name}`, ['x'], dir).stdout)[0]).toEqual(['x']);
  });

  test.each([
    ['a source file changed', (copy: string) => touch(join(copy, 'src/a/x.ts'))],
    [
      'a source file is gone',
      (copy: string) => {
        rmSync(join(copy, 'src/a/x.ts'));
        touch(join(copy, 'src/a'));
      },
    ],
    [
      'a source file came',
      (copy: string) => {
        writeFileSync(join(copy, 'src/a/y.ts'), '');
        touch(join(copy, 'src/a'));
      },
    ],
    ['the bundler changed', (copy: string) => touch(join(copy, 'scripts/bundle.mjs'))],
    ['the list of sources is missing', (copy: string) => rmSync(join(copy, 'dist/sources.sh'))],
    ['the bundle is missing', (copy: string) => rmSync(join(copy, 'dist/cambium.cjs'))],
    ['the lock file is newer', (copy: string) => touch(join(copy, 'package-lock.json'))],
    ['no packages are there', (copy: string) => rmSync(join(copy, 'node_modules'), { recursive: true })],
  ])('sets up when %s', (name, change) => {
    const copy = clone(name.replaceAll(' ', '-'));
    change(copy);
    expect(run(join(copy, 'cambium'), [], dir).stderr).toContain('setup program\n');
  });

  test('looks at all sources that the bundler found', () => {
    const { stdout } = spawnSync('sh', ['-c', '. dist/sources.sh; printf "%s\\n" $sources'], {
      encoding: 'utf8',
      cwd: root,
    });
    const found = spawnSync('find', ['src', 'scripts/bundle.mjs'], { encoding: 'utf8', cwd: root });
    expect(stdout.trim().split('\n').sort()).toEqual(found.stdout.trim().split('\n').sort());
  });

  function touch(path: string): void {
    spawnSync('touch', ['-d', '+10 seconds', path]);
  }
});
