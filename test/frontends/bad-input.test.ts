/** Bad specs: each row is one clear error at the right place, with a hint where one helps. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findBuildFile } from '../../src/frontends/index.ts';
import type { PlanRequest } from '../../src/frontends/request.ts';
import { makeTree } from './support/tree.ts';

const config = (body: string) =>
  `#!/bin/bash\nbase_dir=$(readlink -nf $(dirname $0)/../..)\nsource $base_dir/lib/prelude_config.bash\n${body}\n`;

interface Row {
  what: string;
  files: Record<string, string>;
  request?: Partial<PlanRequest>;
  change?: (dir: string) => void;
  code: string;
  message: string | RegExp;
  hint?: string | RegExp;
  /** `FILE:LINE:COLUMN` of the error, relative to the tree. */
  at?: string;
}

const good = { 'stages/good/apply.sh': '#!/bin/bash\ntrue\n' };
const spec = (text: string) => ({ ...good, 'spec/test.spec': text });

const rows: Row[] = [
  {
    what: 'a syntax error',
    files: spec('stage good\nif true; then\n  stage good\nfi fi\n'),
    code: 'syntax-error',
    message: 'Syntax error near unexpected token `fi',
    at: 'spec/test.spec:4:1',
  },
  {
    what: 'a quote that is not closed',
    files: spec('stage good\necho "open\n'),
    code: 'syntax-error',
    message: /matching/,
    at: 'spec/test.spec:2:6',
  },
  {
    what: 'a syntax error in the settings',
    files: { ...spec('stage good\n'), 'etc/settings.bash': 'a=1\nb=(\n' },
    code: 'syntax-error',
    message: /end of file|matching/,
    at: 'etc/settings.bash:',
  },
  {
    what: 'a missing stage',
    files: spec('stage good\nstage goood\n'),
    code: 'missing-stage',
    message: 'There is no stage `goood`.',
    hint: 'Did you mean good?',
    at: 'spec/test.spec:2',
  },
  {
    what: 'a stage without a script',
    files: { ...spec('stage empty\n'), 'stages/empty/assets/': '' },
    code: 'missing-script',
    message: 'neither apply.sh nor inside.sh',
    at: 'spec/test.spec:1',
  },
  {
    what: 'a stage with both scripts',
    files: { ...spec('stage both\n'), 'stages/both/apply.sh': '', 'stages/both/inside.sh': '' },
    code: 'two-scripts',
    message: 'both',
  },
  {
    what: 'a stage that is not executable',
    files: spec('stage good\n'),
    change: (dir) => chmodSync(join(dir, 'stages/good/apply.sh'), 0o644),
    code: 'not-executable',
    message: 'stages/good/apply.sh is not executable',
    hint: /chmod \+x/,
  },
  {
    what: 'a stage named by a path',
    files: spec('stage ../good\n'),
    code: 'bad-stage-name',
    message: '`../good`',
    at: 'spec/test.spec:1',
  },
  {
    what: 'a stage with a space in its name',
    files: spec("stage 'two words'\n"),
    code: 'bad-stage-name',
    message: "`two words` can't be a stage",
    hint: /letters, digits and the signs/,
  },
  {
    what: 'a stage without a name',
    files: spec('stage\n'),
    code: 'bad-arguments',
    message: '`stage` needs one value',
  },
  {
    what: 'a stage that is a link out of stages/',
    files: { ...spec('stage link\n'), 'elsewhere/apply.sh': '', 'stages/link': '-> ../elsewhere' },
    code: 'path-leaves-folder',
    message: 'outside of stages/',
  },
  {
    what: 'a library that is a link out of the tree',
    files: { ...spec('stage good\n'), lib: '-> /usr/lib' },
    code: 'path-leaves-folder',
    message: 'outside of',
  },
  {
    what: 'a script that is a link out of its stage',
    files: { ...spec('stage link\n'), 'stages/link/apply.sh': '-> ../good/apply.sh' },
    code: 'path-leaves-folder',
    message: "leaves the stage's folder",
  },
  {
    what: 'a script that is a dangling link',
    files: { ...spec('stage link\n'), 'stages/link/apply.sh': '-> nowhere' },
    code: 'missing-script',
    message: 'is not a file',
  },
  {
    what: 'an input that leaves the tree',
    files: { ...spec('stage in\n'), 'stages/in/apply.sh': '', 'stages/in/inputs': '\n../../etc/passwd\n' },
    code: 'path-leaves-folder',
    message: 'leaves the folder',
    at: 'stages/in/inputs:2',
  },
  {
    what: 'an input that is a link out of the tree',
    files: { ...spec('extra_input out\nstage good\n'), out: '-> /etc/passwd' },
    code: 'path-leaves-folder',
    message: 'leaves the folder',
    at: 'spec/test.spec:1',
  },
  {
    what: 'a missing input',
    files: spec('extra_input data\nstage good\n'),
    code: 'missing-input',
    message: "doesn't exist",
  },
  {
    what: 'a missing setting',
    files: spec('stage good\nif [ "$flavour" == hot ]; then\n  stage good\nfi\n'),
    code: 'missing-setting',
    message: 'The setting flavour is missing.',
    hint: '--set flavour=VALUE',
    at: 'spec/test.spec:2:7',
  },
  {
    what: 'an unknown command',
    files: spec('stag good\n'),
    code: 'unknown-command',
    message: 'There is no command `stag`.',
    hint: 'Did you mean stage?',
    at: 'spec/test.spec:1:1',
  },
  {
    what: 'a spec that gives up',
    files: spec('stage good\necho "not for arm" >&2\nexit 3\n'),
    code: 'spec-failed',
    message: /exit code 3:\n {2}not for arm/,
    at: 'spec/test.spec:3:1',
  },
  {
    what: 'a config.sh that fails, with its output',
    files: {
      ...spec('stage c\n'),
      'stages/c/apply.sh': '',
      'stages/c/config.sh': config('assert_value size'),
    },
    code: 'config-failed',
    message: /config\.sh of stage c failed with exit code 1:\n.*the setting size is empty or missing/,
    at: 'spec/test.spec:1',
  },
  {
    what: 'everything at once',
    files: {
      ...spec('stage c\nstage nope\nimage colour red\nstage d\n'),
      'stages/c/apply.sh': '',
      'stages/c/config.sh': config('fail "first"'),
      'stages/d/config.sh': config('fail "second"'),
    },
    code: 'config-failed',
    message: /5 things are wrong:[\s\S]*first[\s\S]*`nope`[\s\S]*colour[\s\S]*second[\s\S]*neither/,
  },
  {
    what: 'no stage at all',
    files: spec('# nothing\n'),
    code: 'no-stages',
    message: 'calls no stage',
  },
  {
    what: 'an image word that does not exist',
    files: spec('stage good\nimage entrypont /bin/sh\n'),
    code: 'bad-image-word',
    message: '`entrypont`',
    hint: 'Did you mean entrypoint?',
    at: 'spec/test.spec:2',
  },
  {
    what: 'an image word with a bad value',
    files: spec('stage good\nimage expose http\n'),
    code: 'bad-image-word',
    message: '`image expose` needs PORT[/tcp|udp|sctp], not http.',
  },
  {
    what: 'a base that does not exist',
    files: spec('base ./rootfs.tar.gz\nstage good\n'),
    code: 'missing-source',
    message: "The archive ./rootfs.tar.gz doesn't exist.",
  },
  {
    what: 'inside.sh without an image',
    files: { ...spec('stage in\n'), 'stages/in/inside.sh': '' },
    code: 'missing-base',
    message: 'there is no image yet',
  },
  {
    what: 'an unknown setting',
    files: { ...spec('stage good\n'), 'etc/settings.bash': '# password=\n' },
    request: { set: { pasword: 'x' } },
    code: 'unknown-setting',
    message: '--set pasword',
    hint: 'Did you mean password?',
  },
  {
    what: 'a setting with an impossible name',
    files: spec('stage good\n'),
    request: { set: { 'a-b': 'x' } },
    code: 'bad-setting',
    message: '--set a-b',
  },
  {
    what: 'a missing settings file',
    files: spec('stage good\n'),
    request: { settingsFile: '/nowhere/settings.bash' },
    code: 'missing-settings-file',
    message: "/nowhere/settings.bash doesn't exist",
  },
  {
    what: 'a missing target',
    files: spec('stage good\n'),
    request: { target: 'best' },
    code: 'missing-target',
    message: 'calls no stage `best`',
    hint: 'good',
  },
  {
    what: 'a missing spec',
    files: good,
    code: 'missing-build-file',
    message: "doesn't exist",
  },
  {
    what: 'a spec without stages',
    files: { 'spec/test.spec': 'stage x\n' },
    code: 'missing-stages',
    message: 'no folder stages/',
  },
];

test.each(rows)('$what', async ({ files, request, change, code, message, hint, at }) => {
  using tree = makeTree(files);
  change?.(tree.dir);
  const error = await tree.error(request);
  expect(error).toMatchObject({ code, exitCode: 2 });
  expect(error.message).toMatch(message);
  if (hint !== undefined) expect(error.hint).toMatch(hint);
  if (at !== undefined) {
    const { file, line, column } = error.location ?? {};
    expect([file, line, column].filter((part) => part !== undefined).join(':')).toContain(join(tree.dir, at));
  }
});

test('a build file is found in a folder', () => {
  using tree = makeTree({
    'spec/test.spec': '',
    'several/a.spec': '',
    'several/b.spec': '',
    'docker/Dockerfile': '',
    'none/x': '',
  });
  const { dir } = tree;
  expect(findBuildFile(dir, undefined)).toMatchObject({ path: join(dir, 'spec/test.spec') });
  expect(findBuildFile(undefined, join(dir, 'several/a.spec'))).toMatchObject({
    path: join(dir, 'several/a.spec'),
  });
  expect(() => findBuildFile(join(dir, 'several'), undefined)).toThrow('has 2 specs');
  expect(findBuildFile(join(dir, 'docker'), undefined)).toMatchObject({
    path: join(dir, 'docker/Dockerfile'),
  });
  expect(() => findBuildFile(join(dir, 'none'), undefined)).toThrow('has no build file');
  expect(() => findBuildFile(join(dir, 'none/x'), undefined)).toThrow('not a build file');
  expect(() => findBuildFile(join(dir, 'nowhere'), undefined)).toThrow("doesn't exist");
  mkdirSync(join(dir, 'program'));
  writeFileSync(join(dir, 'program/cambium.ts'), '');
  expect(findBuildFile(join(dir, 'program'), undefined)).toMatchObject({
    path: join(dir, 'program/cambium.ts'),
  });
});
