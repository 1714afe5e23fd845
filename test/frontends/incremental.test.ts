/** What runs again after which change: the command line on a tree of stages, its runs counted from the events. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildOk } from '../support/cli.ts';
import { makeTree, type Tree } from './support/tree.ts';

const apply = (body: string) =>
  `#!/usr/bin/env bash\nbase_dir=$(readlink -nf $(dirname $0)/../..)\nsource $base_dir/lib/prelude_apply.bash\n${body}\n`;
const config = (name: string) =>
  `#!/usr/bin/env bash\nbase_dir=$(readlink -nf $(dirname $0)/../..)\nsource $base_dir/lib/prelude_config.bash\npersist ${name}\n`;

const files = {
  'spec/test.spec': 'stage a\nstage b\nstage c\n',
  'etc/settings.bash': 'x=1\nunused=1\n',
  'stages/a/apply.sh': apply('echo a >> $chroot/log'),
  'stages/b/apply.sh': apply('echo "b $x" >> $chroot/log'),
  'stages/b/config.sh': config('x'),
  'stages/c/apply.sh': apply('echo c >> $chroot/log'),
};

/** Builds, and gives the steps that ran; internal ones don't count. */
function build(tree: Tree, ...flags: string[]): string[] {
  const store = join(tree.dir, '../store');
  const { events } = buildOk([join(tree.dir, 'spec/test.spec'), ...flags], { store });
  const internal = new Set(
    events.flatMap((event) => (event.type === 'step-planned' && event.internal ? [event.step] : [])),
  );
  return events.flatMap((event) =>
    event.type === 'step-done' && !internal.has(event.step) ? [event.step] : [],
  );
}

function log(tree: Tree): string {
  const dest = join(tree.dir, '../out');
  rmSync(dest, { recursive: true, force: true });
  expect(build(tree, '-o', `type=local,dest=${dest}`)).toEqual([]);
  return readFileSync(join(dest, 'log'), 'utf8');
}

const edit = (tree: Tree, path: string, data: string) => writeFileSync(join(tree.dir, path), data);

test('a setting runs its stage and those after it; the old value is there at no cost', () => {
  using tree = makeTree(files);
  expect(build(tree)).toEqual(['a', 'b', 'c']);
  expect(build(tree)).toEqual([]);
  expect(build(tree, '--set', 'x=2')).toEqual(['b', 'c']);
  expect(build(tree, '--set', 'x=1')).toEqual([]);
  expect(build(tree, '--set', 'unused=2')).toEqual([]);
  expect(log(tree)).toBe('a\nb 1\nc\n');
  expect(readdirSync(join(tree.dir, 'stages/b')).sort()).toEqual(['apply.sh', 'config.sh']);
});

test('what is cut from a spec is gone, and its order loses nothing', () => {
  using tree = makeTree(files);
  expect(build(tree)).toEqual(['a', 'b', 'c']);
  edit(tree, 'spec/test.spec', 'stage a\n');
  expect(build(tree)).toEqual([]);
  expect(log(tree)).toBe('a\n');
  edit(tree, 'spec/test.spec', 'stage a\nstage c\nstage b\nstage a\n');
  expect(build(tree)).toEqual(['c', 'b', 'a#2']);
  expect(log(tree)).toBe('a\nc\nb 1\na\n');
  edit(tree, 'spec/test.spec', files['spec/test.spec']);
  expect(build(tree)).toEqual([]);
  expect(log(tree)).toBe('a\nb 1\nc\n');
});

test('every change of a folder counts: mode, link, empty folder, any name; so does the library', () => {
  using tree = makeTree({ ...files, 'stages/b/assets/file with space': '1', 'stages/b/assets/script': '' });
  expect(build(tree)).toEqual(['a', 'b', 'c']);
  chmodSync(join(tree.dir, 'stages/b/assets/script'), 0o755);
  expect(build(tree)).toEqual(['b', 'c']);
  symlinkSync('nowhere', join(tree.dir, 'stages/b/assets/link'));
  expect(build(tree)).toEqual(['b', 'c']);
  mkdirSync(join(tree.dir, 'stages/b/assets/empty'));
  expect(build(tree)).toEqual(['b', 'c']);
  edit(tree, 'stages/b/assets/file with space', '2');
  expect(build(tree)).toEqual(['b', 'c']);
  edit(tree, 'stages/unused', 'not seen by a stage');
  expect(build(tree)).toEqual([]);
  execFileSync('cp', [
    '-r',
    join(import.meta.dirname, '../../src/frontends/spec/lib'),
    join(tree.dir, 'lib'),
  ]);
  edit(tree, 'lib/more.bash', '# more\n');
  expect(build(tree)).toEqual(['a', 'b', 'c']);
});
