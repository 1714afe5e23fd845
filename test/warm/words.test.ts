/** What specs and `cambium.ts` say of warm rebuilds of a stage, as comments do in a Dockerfile. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cambium } from '../support/cli.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { type SpecTree, specTree } from '../support/spec-tree.ts';
import { readRebuilt } from './support/project.ts';

let here: Scratch;
let tree: SpecTree;
const at = () => ({ store: here.path('store') });
const rebuild = (what: string) => {
  const run = readRebuilt(cambium(['rebuild', '--progress', 'json', '-t', 'app', what], at()));
  expect([run.code, run.stderr]).toEqual([0, '']);
  return run.printed.filter((line) => /^[A-Z]+ /.test(line));
};

beforeAll(() => {
  here = scratch();
  tree = specTree(here.path('tree'));
  for (const name of ['app', 'off', 'plain']) {
    tree.stage(
      name,
      `echo LONG ${name} $(ls /${name} 2>/dev/null); mkdir -p /${name}/dir; cat $assets_dir/data`,
    );
    tree.write(`stages/${name}/assets/data`, 'ONE 1\n');
  }
});
afterAll(() => here[Symbol.dispose]());

test('a spec: another command, off, and nothing; a script that changed starts from its base', () => {
  tree.write('stages/outer/apply.sh', '#!/bin/bash\necho LONG outer\n', 0o755);
  tree.write('stages/outer/assets/data', 'one\n');
  const short = `'echo SHORT "$1" $(ls "$1"); cat /build/stages/outer/assets/data'`;
  tree.write(
    'spec/image.spec',
    `stage base\nwarm 'echo SHORT; cat /build/stages/app/assets/data'\nstage app\nwarm off\nstage off\nstage plain\nwarm ${short}\nstage outer\n`,
  );
  expect(rebuild(tree.spec)).toEqual([
    'LONG app',
    'ONE 1',
    'LONG off',
    'ONE 1',
    'LONG plain',
    'ONE 1',
    'LONG outer',
  ]);
  for (const name of ['app', 'off', 'plain', 'outer']) tree.write(`stages/${name}/assets/data`, 'TWO 2\n');
  const second = rebuild(tree.spec).map((line) => (line.startsWith('SHORT /') ? 'SHORT /work chroot' : line));
  expect(second).toEqual(
    expect.arrayContaining(['TWO 2', 'LONG off', 'LONG plain dir', 'SHORT /work chroot']),
  );
  expect(second).not.toContain('LONG app dir');
  tree.stage('plain', 'echo LONG again $(ls /plain 2>/dev/null)');
  expect(rebuild(tree.spec)).toContain('LONG again');
});

test('cambium.ts: the same, as properties; what is no such word is told', () => {
  tree.write(
    'cambium.ts',
    `import { command, image, stage } from 'cambium';
    export default image({ stages: [
      stage('base'), stage('app', { warm: { command: 'echo SHORT; cat /build/stages/app/assets/data' } }),
      command('echo LONG command', { warm: 'off' }), stage('off', { warm: 'off' }),
    ] });`,
  );
  expect(rebuild(tree.dir)).toContain('LONG app');
  tree.write('stages/app/assets/data', 'THREE 3\n');
  tree.write('stages/off/assets/data', 'THREE 3\n');
  const second = rebuild(tree.dir);
  expect(second).toEqual(expect.arrayContaining(['THREE 3', 'LONG off']));
  expect(second.filter((line) => line.startsWith('LONG'))).toEqual(['LONG off']);
  tree.write(
    'cambium.ts',
    "import { image, stage } from 'cambium';\nexport default image({ stages: [stage('base', { warm: 'maybe' as never })] });\n",
  );
  const wrong = cambium(['plan', tree.dir], at());
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/`warm` takes 'off'/)]);
  tree.write('spec/image.spec', 'stage base\nwarm off\n');
  expect(cambium(['plan', tree.spec], at()).stderr).toContain('No stage is called after this `warm`');
});
