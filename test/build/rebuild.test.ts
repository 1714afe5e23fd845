/** What runs again, and what doesn't: counted over the real command line, on both drivers. */
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build, buildOk, cambium, cambiumOk } from '../support/cli.ts';
import { type Scratch, scratch, scratchOn } from '../support/scratch.ts';
import { specTree } from '../support/spec-tree.ts';

const places = { overlay: scratch(), btrfs: scratchOn('btrfs', '1G') };
afterAll(() => {
  for (const place of Object.values(places)) place[Symbol.dispose]();
});

describe.each(['overlay', 'btrfs'] as const)('on %s', (driver) => {
  let at: { store: string };
  let outside: Scratch;
  beforeAll(() => {
    outside = scratch();
    at = { store: places[driver].path('store') };
  });
  afterAll(() => outside[Symbol.dispose]());
  let count = 0;
  const newTree = () => {
    count += 1;
    const tree = specTree(outside.path(`tree${count}`));
    tree.stage('one', `echo one${count} > /one`);
    tree.stage('two', 'echo two > /two');
    tree.stage('three', 'cat /one /two > /three');
    tree.stages('base', 'one', 'two', 'three');
    return tree;
  };
  const content = (image: string, path: string) => {
    count += 1;
    const dest = outside.path(`out${count}`);
    cambiumOk(['image', 'export', image, '-o', `type=local,dest=${dest}`], at);
    return (name = path) => readFileSync(join(dest, name), 'utf8');
  };

  test('nothing to do runs nothing', () => {
    const tree = newTree();
    expect(buildOk([tree.spec], at).ran).toContain('three');
    const again = buildOk([tree.spec, '-t', 'again'], at);
    expect(again.ran).toEqual([]);
    expect(again.reused).toEqual(['base', 'one', 'two', 'three']);
  });

  test('a changed stage runs, with those after it, and the reason is told', () => {
    const tree = newTree();
    buildOk([tree.spec], at);
    tree.stage('two', 'echo changed > /two');
    const run = buildOk([tree.spec, '-t', `changed${count}`], at);
    expect(run.ran).toEqual(['two', 'three']);
    const started = run.events.flatMap((event) => (event.type === 'step-started' ? [event.reason] : []));
    expect(started.join()).toMatch(/inside\.sh|\/build/);
    expect(content(`changed${count}`, 'three')()).toMatch(/^one\d+\nchanged\n$/);
    const explained = cambiumOk(['explain', 'two'], at).stdout;
    expect(explained).toContain('stages/two/inside.sh');
  });

  test('times of the sources are seen by nobody: two clones give the same bytes', () => {
    const tree = newTree();
    tree.write('stages/own/assets/data', 'x');
    tree.write(
      'stages/own/apply.sh',
      '#!/bin/bash\ncp -a "$(dirname "$0")/assets/data" "$1/chroot/data"\n',
      0o755,
    );
    tree.stages('base', 'own');
    const built = (name: string) => {
      buildOk([tree.spec, '-t', name], { store: places[driver].path(name) });
      const dest = outside.path(`times-${name}`);
      cambiumOk(['image', 'export', name, '-o', `type=local,dest=${dest}`], {
        store: places[driver].path(name),
      });
      return statSync(join(dest, 'data')).mtimeMs;
    };
    const first = built('clone-one');
    utimesSync(join(tree.dir, 'stages/own/assets/data'), 1_700_000_000, 1_700_000_000);
    expect(built('clone-two')).toBe(first);
  });

  test('A-B-A costs nothing, reordering loses nothing, two specs share', () => {
    const tree = newTree();
    buildOk([tree.spec], at);
    tree.stage('two', 'echo B > /two');
    buildOk([tree.spec], at);
    tree.stage('two', 'echo two > /two');
    expect(buildOk([tree.spec], at).ran).toEqual([]);
    tree.stages('base', 'two', 'one', 'three');
    expect(buildOk([tree.spec], at).ran).toEqual(['two', 'one', 'three']);
    tree.stages('base', 'one', 'two', 'three');
    expect(buildOk([tree.spec], at).ran).toEqual([]);
    tree.write('spec/other.spec', 'stage base\nstage one\n');
    expect(buildOk([join(tree.dir, 'spec/other.spec')], at).ran).toEqual([]);
  });

  test('cutting the last stages gives the image without their output', () => {
    const tree = newTree();
    buildOk([tree.spec], at);
    tree.stages('base', 'one');
    expect(buildOk([tree.spec, '-t', 'cut'], at).ran).toEqual([]);
    const read = content('cut', 'one');
    expect(read()).toMatch(/^one/);
    expect(() => read('two')).toThrow(/ENOENT/);
  });

  test('a stage twice runs twice', () => {
    const tree = newTree();
    tree.stage('count', 'echo x >> /count');
    tree.stages('base', 'count', 'count');
    expect(buildOk([tree.spec, '-t', 'twice'], at).ran.filter((stage) => stage === 'count')).toHaveLength(2);
    expect(content('twice', 'count')()).toBe('x\nx\n');
  });

  test('mode, symlink, empty folder and strange names of a stage are inputs', () => {
    const tree = newTree();
    tree.write('stages/two/assets/data', 'x');
    buildOk([tree.spec], at);
    const runsAgain = (change: () => void) => {
      change();
      expect(buildOk([tree.spec], at).ran).toEqual(expect.arrayContaining(['two']));
      expect(buildOk([tree.spec], at).ran).toEqual([]);
    };
    runsAgain(() => chmodSync(join(tree.dir, 'stages/two/assets/data'), 0o755));
    runsAgain(() => symlinkSync('data', join(tree.dir, 'stages/two/assets/link')));
    runsAgain(() => mkdirSync(join(tree.dir, 'stages/two/assets/empty')));
    runsAgain(() => tree.write('stages/two/assets/with space\nand newline', 'y'));
    runsAgain(() => tree.write('stages/two/assets/with space\nand newline', 'z'));
  });

  test('a failing stage stops the build, is kept for a shell, and earlier ones are reused', () => {
    const tree = newTree();
    tree.stage('two', 'echo before; echo trace > /trace; echo oops >&2; exit 7');
    const failed = build([tree.spec, '-t', 'never'], at);
    expect(failed.code).toBe(1);
    const failure = failed.events.find((event) => event.type === 'step-failed');
    expect(failure).toMatchObject({ failure: { reason: 'exit', exitCode: 7, workspaceKept: true } });
    expect(JSON.stringify(failure)).toContain('oops');
    expect(cambium(['image', 'inspect', 'never'], at).code).toBe(2);
    expect(cambiumOk(['shell', '--failed', 'cat', '/trace'], at).stdout).toContain('trace');
    // A shell doesn't use it up.
    expect(cambiumOk(['shell', '--failed', 'cat', '/trace'], at).stdout).toContain('trace');
    tree.stage('two', 'echo two > /two');
    expect(buildOk([tree.spec], at).ran).toEqual(['two', 'three']);
  });

  test('a shell in an image has its variables, user and folder', () => {
    const tree = newTree();
    tree.write('spec/image.spec', 'stage base\nimage env COLOUR=green\nimage workdir /tmp\nimage user 5:6\n');
    buildOk([tree.spec, '-t', 'configured'], at);
    const { stdout } = cambiumOk(
      ['shell', 'configured', 'sh', '-c', 'echo $COLOUR; cd .; /bin/busybox pwd; id -u'],
      at,
    );
    expect(stdout.split('\n').slice(0, 3)).toEqual(['green', '/tmp', '5']);
  });

  test('plan tells hit and miss, and runs nothing', () => {
    const tree = newTree();
    const before = JSON.parse(cambiumOk(['plan', tree.spec, '--json'], at).stdout);
    const states = (report: { steps: { stage: string; state: string; internal: boolean }[] }) =>
      report.steps.filter((step) => !step.internal).map((step) => `${step.stage} ${step.state}`);
    expect(states(before).slice(1)).toEqual(['one miss', 'two miss', 'three miss']);
    buildOk([tree.spec], at);
    tree.stage('three', 'true');
    expect(states(JSON.parse(cambiumOk(['plan', tree.spec, '--json'], at).stdout))).toEqual([
      'base hit',
      'one hit',
      'two hit',
      'three miss',
    ]);
  });
});
