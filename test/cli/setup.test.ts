/** The set-up script, with programs of our own in place of apt-get and npm that note how they are called. */
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
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
let dir = '';
let calls = '';

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cambium-setup-'));
  calls = join(dir, 'calls');
  for (const folder of ['bin', 'scripts', 'src']) mkdirSync(join(dir, folder));
  cpSync(join(root, 'scripts/setup.sh'), join(dir, 'scripts/setup.sh'));
  writeFileSync(join(dir, 'package-lock.json'), '{}');
  writeFileSync(join(dir, 'src/x.ts'), '');
  const bundle = `require('node:fs').writeFileSync('dist/cambium.cjs', ''); require('node:fs').writeFileSync('dist/sources.sh', ''); require('node:fs').appendFileSync(${JSON.stringify(calls)}, 'bundle\\n');`;
  writeFileSync(
    join(dir, 'scripts/bundle.mjs'),
    `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); ${bundle}`,
  );
  program('npm', 'mkdir -p node_modules; : >node_modules/.package-lock.json');
  symlinkSync(process.execPath, join(dir, 'bin/node'));
  writeFileSync(calls, '');
});
afterEach(() => rmSync(dir, { recursive: true }));

function program(name: string, body = ''): void {
  writeFileSync(join(dir, 'bin', name), `#!/bin/sh\necho "${name} $*" >>${calls}\n${body}\n`, {
    mode: 0o755,
  });
}

const setup = (what: string) =>
  spawnSync('sh', [join(dir, 'scripts/setup.sh'), what], {
    encoding: 'utf8',
    env: { PATH: `${join(dir, 'bin')}:/usr/sbin:/usr/bin:/sbin:/bin` },
  });

test('a first run installs and bundles, each in a line; a second does nothing', () => {
  const first = setup('program');
  expect(first.stderr).toBe(
    'cambium: installing the Node packages of package-lock.json\ncambium: making the bundle dist/cambium.cjs\n',
  );
  expect(first.status).toBe(0);
  expect(readFileSync(calls, 'utf8')).toMatch(/^npm ci .*\nbundle\n$/);
  expect(setup('program')).toMatchObject({ status: 0, stderr: '', stdout: '' });
  expect(readFileSync(calls, 'utf8').split('\n')).toHaveLength(3);
});

test('a changed source is bundled again, without a word; a changed lock file is installed again', () => {
  setup('program');
  spawnSync('touch', ['-d', '+10 seconds', join(dir, 'src/x.ts')]);
  expect(setup('program').stderr).toBe('');
  expect(readFileSync(calls, 'utf8').match(/bundle/g)).toHaveLength(2);
  spawnSync('touch', ['-d', '+10 seconds', join(dir, 'package-lock.json')]);
  expect(setup('program').stderr).toContain('Node packages');
});

test('packages of another checkout, behind a link, are used and never installed over', () => {
  const other = join(dir, 'other');
  mkdirSync(other);
  symlinkSync(other, join(dir, 'node_modules'));
  expect(setup('program')).toMatchObject({
    status: 3,
    stderr: expect.stringContaining('node_modules is a link'),
  });
  writeFileSync(join(other, '.package-lock.json'), '');
  spawnSync('touch', ['-d', '+10 seconds', join(dir, 'package-lock.json')]);
  expect(setup('program').status).toBe(0);
  expect(readFileSync(calls, 'utf8')).toBe('bundle\n');
});

test('npm that fails is told with what it said, and exit code 3', () => {
  program('npm', 'echo "no network" >&2; exit 1');
  const { status, stderr } = setup('program');
  expect(status).toBe(3);
  expect(stderr).toContain('no network');
  expect(stderr).toContain('npm ci failed');
  expect(existsSync(join(dir, 'dist/cambium.cjs'))).toBe(false);
});

test('a Node that came without npm, as Debian packages it, gets the Debian package', () => {
  rmSync(join(dir, 'bin/npm'));
  for (const name of readdirSync('/usr/bin'))
    if (name !== 'npm' && !existsSync(join(dir, 'bin', name)))
      symlinkSync(join('/usr/bin', name), join(dir, 'bin', name));
  const path = join(dir, 'bin');
  const withoutNpm = () =>
    spawnSync('sh', [join(dir, 'scripts/setup.sh'), 'program'], { encoding: 'utf8', env: { PATH: path } });

  rmSync(join(path, 'apt-get'), { force: true });
  program('apt-get', 'exit 100');
  expect(withoutNpm()).toMatchObject({ status: 3, stderr: expect.stringContaining('npm is missing') });

  program('late-npm', 'mkdir -p node_modules; : >node_modules/.package-lock.json');
  program('apt-get', `case $* in *npm*) ln -s late-npm ${join(path, 'npm')} ;; esac`);
  const { status, stderr } = withoutNpm();
  expect(stderr).toContain(
    'cambium: installing the Debian package npm\ncambium: installing the Node packages',
  );
  expect(status).toBe(0);
  expect(readFileSync(calls, 'utf8')).toMatch(/apt-get .*install .*npm\n.*npm ci /s);
});

test('an old Node is refused', () => {
  rmSync(join(dir, 'bin/node'));
  program('node', '[ "$1" = --version ] && echo v18.0.0; exit 1');
  expect(setup('program')).toMatchObject({
    status: 3,
    stderr: expect.stringContaining('v18.0.0 is too old'),
  });
});
