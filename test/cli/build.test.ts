/** Builds by the real command line, from small trees of our own that start from a folder and need no network. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { startCambium, cambium as toEnd } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';

const place = scratch();
const { dir } = place;
const at = { store: place.path('store'), cwd: dir };
afterAll(() => place[Symbol.dispose]());

const cambium = (...args: string[]) => toEnd(args, at);

/** A tree with a spec of these stages; each script runs with this machine's programs and writes into `$chroot`. */
function tree(name: string, stages: Record<string, string>): string {
  const root = join(dir, name);
  write(
    join(root, `${name}.spec`),
    Object.keys(stages)
      .map((stage) => `stage ${stage}\n`)
      .join(''),
  );
  for (const [stage, script] of Object.entries(stages)) {
    const path = join(root, 'stages', stage, 'apply.sh');
    write(
      path,
      `#!/bin/bash\nset -e\nbase_dir=$(readlink -nf "$(dirname "$0")/../..")\nsource "$base_dir/lib/prelude_apply.bash"\n${script}\n`,
    );
    chmodSync(path, 0o755);
  }
  return root;
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

const events = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; [field: string]: unknown });

test('the first build runs every stage, the second none, and says so', () => {
  const root = tree('twice', { one: 'echo 1 >"$chroot/one"', two: 'echo 2 >"$chroot/two"' });
  const first = cambium('build', root, '-t', 'twice', '--progress', 'plain');
  expect(first.stderr).toMatch(/^built twice in .*: 2 ran, 0 reused$/m);
  expect(first).toMatchObject({ code: 0, stdout: '' });
  const second = cambium('build', root, '-t', 'twice');
  expect(second.stderr).toMatch(/CACHED\n/);
  expect(second.stderr).toMatch(/^built twice in .*: 0 ran, 2 reused/m);
});

test('a change of one stage runs it and those after it; plan says so before, explain after', () => {
  const root = tree('edited', {
    a: 'echo a >"$chroot/a"',
    b: 'echo b >"$chroot/b"',
    c: 'echo c >"$chroot/c"',
  });
  expect(cambium('build', root).code).toBe(0);
  tree('edited', { a: 'echo a >"$chroot/a"', b: 'echo B >"$chroot/b"', c: 'echo c >"$chroot/c"' });
  const plan = JSON.parse(cambium('plan', root, '--json').stdout) as {
    steps: { stage: string; internal: boolean; state: string }[];
  };
  const states = plan.steps.filter((step) => !step.internal).map(({ stage, state }) => `${stage} ${state}`);
  expect(states).toEqual(['a hit', 'b miss', 'c miss']);
  expect(cambium('build', root).stderr).toContain('2 ran, 1 reused');
  const explained = cambium('explain', 'b');
  expect(explained.stdout).toContain('apply.sh');
  expect(explained.stdout).toMatch(/^ +- file 755 /m);
  expect(explained.stdout).toMatch(/edited\/\S+:2, built just now$/m);
  expect(cambium('explain', 'c').stdout).toMatch(/^ +parent: b\n +- \w{64}\n +\+ \w{64}$/m);
  tree('edited', { a: 'echo a >"$chroot/a"', c: 'echo c >"$chroot/c"' });
  expect(cambium('build', root).code).toBe(0);
  expect(cambium('explain', 'b').stdout).toMatch(/, built just now; no build since then has such a step$/m);
  expect(cambium('explain', 'bb')).toMatchObject({ code: 2 });
});

test('-q prints the digest alone; --iidfile and --metadata-file hold it', () => {
  const root = tree('digest', { one: 'echo 1 >"$chroot/one"' });
  const args = [
    'build',
    root,
    '-q',
    '-t',
    'digest',
    '--iidfile',
    join(dir, 'iid'),
    '--metadata-file',
    join(dir, 'meta'),
  ];
  const { stdout, stderr } = cambium(...args);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
  expect(readFileSync(join(dir, 'iid'), 'utf8')).toBe(stdout.trim());
  const metadata = JSON.parse(readFileSync(join(dir, 'meta'), 'utf8')) as Record<string, string>;
  expect(metadata).toMatchObject({ 'containerimage.digest': stdout.trim(), 'image.name': 'digest' });
});

test('json: events from the first to the last, and nothing else', () => {
  const root = tree('json', { one: 'echo "out"; echo "err" >&2' });
  const { stdout, stderr } = cambium('build', root, '--progress', 'json');
  expect(stderr).toBe('');
  const types = events(stdout).map(({ type }) => type);
  expect(types.filter((type) => type === 'build-started')).toHaveLength(1);
  expect(types.at(-1)).toBe('build-done');
  expect(events(stdout).filter(({ type }) => type === 'step-output').length).toBeGreaterThan(0);
});

describe('a failed stage', () => {
  test('is told with its line, its output and its exit code; a shell opens there as it stood', () => {
    const root = tree('fails', {
      good: 'true',
      bad: 'echo here >"$chroot/trace"; echo "it broke" >&2; exit 7',
    });
    const { code, stderr } = cambium('build', root);
    expect(code).toBe(1);
    expect(stderr).toContain('step `bad` failed');
    expect(stderr).toContain('7');
    expect(stderr).toMatch(/fails\.spec:2\n/);
    expect(stderr).toContain('2 | stage bad\n');
    expect(stderr).toContain('| it broke\n');
    expect(stderr).toContain('cambium shell --failed');
    expect(stderr).not.toMatch(/\n\s+at /);
    const shell = cambium(
      'shell',
      '--failed',
      'sh',
      '-c',
      'find / -name trace -not -path "/proc/*" | head -n 1; exit 5',
    );
    expect(shell.stdout).toContain('trace');
    expect(shell.code).toBe(5);
  });

  test('a mended stage runs, and only what is missing', () => {
    const root = tree('fails', { good: 'true', bad: 'true' });
    expect(cambium('build', root)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('1 ran, 1 reused'),
    });
  });
});

test('Ctrl-C ends the whole process tree, exits 130, and leaves nothing mounted', async () => {
  const root = tree('slow', { quick: 'true', endless: 'echo begun; sleep 1234 & sleep 1235' });
  const { child, ended } = startCambium(['build', root, '--progress', 'plain'], at);
  await new Promise<void>((resolve) => {
    child.stderr?.on('data', (data: Buffer) => {
      if (data.includes('begun')) resolve();
    });
  });
  child.kill('SIGINT');
  const { code, stderr } = await ended;
  expect(code).toBe(130);
  expect(stderr).toMatch(/^interrupted after /m);
  expect(spawnSync('pgrep', ['-f', 'sleep 123[45]']).status).toBe(1);
  expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(join(dir, 'store'));
  expect(cambium('plan', root).stdout).toMatch(/^quick .* hit /m);
});

describe('images and the cache', () => {
  test('what a tag needs stays; what nothing needs goes', () => {
    const root = tree('pruned', { one: 'head -c 300000 /dev/urandom >"$chroot/one"' });
    expect(cambium('build', root, '-t', 'kept:1').code).toBe(0);
    tree('pruned', { one: 'head -c 300001 /dev/urandom >"$chroot/one"' });
    expect(cambium('build', root, '-t', 'gone:1').code).toBe(0);
    expect(cambium('image', 'rm', 'gone:1').stdout).toContain('deleted');
    const before = readdirSync(join(dir, 'store/snapshots')).length;
    const dry = JSON.parse(cambium('cache', 'prune', '--all', '--dry-run', '--json').stdout) as {
      bytes: number;
    };
    expect(dry.bytes).toBeGreaterThan(300_000);
    expect(readdirSync(join(dir, 'store/snapshots'))).toHaveLength(before);
    const done = JSON.parse(cambium('cache', 'prune', '--all', '--json').stdout) as { snapshots: unknown[] };
    expect(readdirSync(join(dir, 'store/snapshots'))).toHaveLength(before - done.snapshots.length);
    expect(cambium('image', 'inspect', 'kept:1').code).toBe(0);
    expect(cambium('image', 'export', 'kept:1', '-o', join(dir, 'rootfs')).code).toBe(0);
    expect(readFileSync(join(dir, 'rootfs/one'))).toHaveLength(300_000);
    expect(cambium('build', root).stderr).toContain('1 ran');
  });

  test('by size: the longest unused goes first, down to what was asked for', () => {
    const { stdout } = cambium('cache', 'prune', '--keep-size', '1t', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ snapshots: [] });
    expect(cambium('cache', 'prune', '--keep-size', 'much').code).toBe(2);
  });

  test('tag, ls, diff, history, export, import', () => {
    const root = tree('named', { one: 'echo 1 >"$chroot/one"; chmod 4755 "$chroot/one"' });
    expect(cambium('build', root, '-t', 'named:1').code).toBe(0);
    expect(cambium('image', 'tag', 'named:1', 'other:2').code).toBe(0);
    const listed = cambium('image', 'ls').stdout;
    expect(listed).toContain('named:1');
    expect(listed).toContain('other:2');
    expect(cambium('image', 'history', 'named:1').stdout).toContain('one');
    const archive = join(dir, 'named.tar');
    expect(cambium('image', 'export', 'named:1', '-o', `type=docker,dest=${archive}`).code).toBe(0);
    expect(cambium('image', 'import', archive, 'back:1')).toMatchObject({ code: 0, stdout: 'back:1\n' });
    expect(cambium('image', 'diff', 'named:1', 'back:1', '--json').stdout.trim()).toBe('[]');
    expect(cambium('image', 'inspect', 'nothing')).toMatchObject({ code: 2 });
    expect(existsSync(`${archive}.tmp`)).toBe(false);
  });
});
