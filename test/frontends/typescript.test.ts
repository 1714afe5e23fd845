/** Build files in TypeScript → plans. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTree } from './support/tree.ts';

const file = 'cambium.ts';
const apply = (body: string) =>
  `#!/bin/bash\nbase_dir=$(readlink -nf $(dirname $0)/../..)\nsource $base_dir/lib/prelude_apply.bash\n${body}\n`;

test('stages, commands and copies become steps; settings are typed', async () => {
  using tree = makeTree(
    {
      [file]: `import { command, copy, image, setting, stage } from 'cambium';

const port: number = setting.number('port', { default: 8080, min: 1, max: 65535, integer: true });
const flavour = setting.enum('flavour', ['plain', 'hot'], { default: 'plain' });
const tools = setting.boolean('tools', { default: false });

export default image({
  stages: [
    stage('root', { settings: { greeting: \`hello \${flavour}\` } }),
    tools && command('echo tools > /tools'),
    [1, 2].map((n) => command(['/bin/busybox', 'touch', \`/file\${n}\`], { name: \`touch\${n}\` })),
    copy('site', '/srv/www', { owner: { uid: 33, gid: 33 } }),
  ],
  cmd: ['serve', String(port)],
  expose: [port],
  env: { PORT: port },
});
`,
      'site/index.html': 'hi',
      'stages/root/apply.sh': apply(
        'mkdir -p $chroot/bin; cp /bin/busybox $chroot/bin; ln -s busybox $chroot/bin/sh; echo "$greeting" > $chroot/greeting',
      ),
    },
    file,
  );
  const plan = await tree.plan({ set: { port: '90', flavour: 'hot' } });
  expect(plan.steps.filter((step) => !step.internal).map((step) => step.stage)).toEqual([
    'root',
    'touch1',
    'touch2',
    'copy',
  ]);
  expect(plan.steps.find((step) => step.id === 'touch1')?.location).toEqual({
    file: join(tree.dir, file),
    line: 11,
  });
  expect(plan.steps.at(-1)?.op).toMatchObject({
    copies: [{ dest: '/chroot/srv/www/', owner: { uid: 33, gid: 33 } }],
  });
  expect(plan.image).toMatchObject({
    root: '/chroot',
    config: { Cmd: ['serve', '90'], ExposedPorts: { '90/tcp': {} }, Env: ['PORT=90'] },
  });
  const built = tree.build(plan);
  expect(built.read('chroot/greeting')?.toString()).toBe('hello hot\n');
  expect(built.read('chroot/file2')).toBeDefined();
  expect(built.read('chroot/srv/www/index.html')?.toString()).toBe('hi');

  const more = await tree.plan({ set: { tools: 'yes' } });
  const tools = more.steps.find((step) => step.id === 'command')?.op;
  expect(tools).toMatchObject({
    argv: ['/bin/sh', '-ec', 'echo tools > /tools'],
    root: { type: 'snapshot', path: '/chroot' },
  });
});

test('a folder with config.sh is configured as in a spec, with the settings of its call', async () => {
  using tree = makeTree(
    {
      [file]: `import { image, setting, stage } from 'cambium';
const name = setting.string('name');
export default image({ stages: [stage('greet', { settings: { text: "it's\\n" + name } })] });
`,
      'stages/greet/config.sh': `#!/bin/bash\nbase_dir=$(readlink -nf $(dirname $0)/../..)\nsource $base_dir/lib/prelude_config.bash\nassert_value text\npersist name\n`,
      'stages/greet/apply.sh': apply('printf "%s|%s" "$text" "$name" > $chroot/out'),
      'etc/settings.json': '{"name": "Ada"}',
    },
    file,
  );
  const plan = await tree.plan({ settingsFile: join(tree.dir, 'etc/settings.json') });
  expect(tree.build(plan).read('chroot/out')?.toString()).toBe("it's\nAda|Ada");
});

const program = (body: string) => ({
  [file]: `import { command, copy, image, setting, stage } from 'cambium';\n${body}\n`,
  'stages/good/apply.sh': '#!/bin/sh\n',
});
const good = "export default image({ stages: [stage('good')] });";

interface Row {
  what: string;
  body: string;
  set?: Record<string, string>;
  code: string;
  message: string | RegExp;
  hint?: string | RegExp;
  line?: number;
  column?: number;
}

const rows: Row[] = [
  {
    what: 'a syntax error',
    body: 'const a = ;',
    code: 'syntax-error',
    message: /Unexpected token/i,
    line: 2,
    column: 11,
  },
  {
    what: 'an error of the file itself',
    body: `const a: string[] = [];\n\na[1]!.trim();\n${good}`,
    code: 'program-failed',
    message: 'TypeError',
    line: 4,
  },
  { what: 'no image', body: 'export default 5;', code: 'no-image', message: 'no image' },
  {
    what: 'no stages',
    body: 'export default image({ stages: [] });',
    code: 'no-stages',
    message: 'no stages',
    line: 2,
  },
  {
    what: 'a missing stage',
    body: "export default image({ stages: [\n  stage('godo'),\n] });",
    code: 'missing-stage',
    message: '`godo`',
    hint: 'Did you mean good?',
    line: 3,
  },
  {
    what: 'a missing setting',
    body: `setting.string('who');\n${good}`,
    code: 'missing-setting',
    message: 'The setting who is missing',
    hint: '--set who=VALUE',
    line: 2,
  },
  {
    what: 'a setting out of range',
    body: `setting.number('port', { default: 1, max: 99 });\n${good}`,
    set: { port: '100' },
    code: 'bad-setting',
    message: 'must be at most 99, not "100"',
    line: 2,
  },
  {
    what: 'a setting that is no number',
    body: `setting.number('port', { default: 1 });\n${good}`,
    set: { port: 'x' },
    code: 'bad-setting',
    message: 'must be a number',
  },
  {
    what: 'a setting of none of its values',
    body: `setting.enum('a', ['x', 'y'], { default: 'x' });\n${good}`,
    set: { a: 'z' },
    code: 'bad-setting',
    message: 'must be one of x, y',
  },
  {
    what: 'a setting that does not match',
    body: `setting.string('a', { pattern: /[a-z]+/ });\n${good}`,
    set: { a: 'ab1' },
    code: 'bad-setting',
    message: 'must match',
  },
  {
    what: 'an unknown setting',
    body: `setting.string('password', { default: '' });\n${good}`,
    set: { pasword: '' },
    code: 'unknown-setting',
    message: '--set pasword',
    hint: 'Did you mean password?',
  },
  {
    what: 'two wrong settings at once',
    body: `setting.string('a');\nsetting.string('b');\n${good}`,
    code: 'missing-setting',
    message: /2 things are wrong:[\s\S]*a is missing[\s\S]*b is missing/,
  },
  {
    what: 'a copy out of the folder',
    body: "export default image({ base: '.', stages: [copy('../x', '/x'), copy('..', '/y')] });",
    code: 'missing-input',
    message: 'leaves the folder',
  },
  {
    what: 'a command without an image',
    body: "export default image({ stages: [command('true')] });",
    code: 'missing-base',
    message: 'there is no image yet',
  },
  {
    what: 'a name that no variable can have',
    body: "export default image({ stages: [stage('good', { settings: { 'a-b': 1 } })] });",
    code: 'bad-setting',
    message: '`a-b`',
    line: 2,
  },
  {
    what: 'an unknown option',
    body: "export default image({ stages: [stage('good')], entrypont: [] });",
    code: 'unknown-option',
    message: '`entrypont`',
    hint: 'Did you mean entrypoint?',
  },
];

test.each(rows)('$what', async ({ body, set = {}, code, message, hint, line, column }) => {
  using tree = makeTree(program(body), file);
  const error = await tree.error({ set });
  expect(error).toMatchObject({ code, exitCode: 2 });
  expect(error.message).toMatch(message);
  if (hint !== undefined) expect(error.hint).toMatch(hint);
  if (line !== undefined) expect(error.location).toMatchObject({ file: join(tree.dir, file), line });
  if (column !== undefined) expect(error.location?.column).toBe(column);
});

test.each([
  ['image({ base: 5, stages: [] })', /^`base` of `image` must be a text, not 5\.$/],
  ["image({ stages: 'x' })", /^`stages` of `image` must be a list, not "x"\.$/],
  ['image()', /^What `image` is told must be an object, not undefined\.$/],
  ['image({ stages: [{}] })', /^`stages` holds an object, which is no stage\.$/],
  ["image({ stages: [Promise.resolve(command('true'))] })", /a promise, which is no stage/],
  ['image({ stages: [command(7)] })', /^`run` of `command` must be a text, or .*, not 7\.$/],
  ['image({ stages: [command([])] })', /^`run` of `command` must be .*, not a list\.$/],
  ["image({ stages: [command('true', { nme: 'x' })] })", /^`command` has no option `nme`\.$/],
  ["image({ stages: [command('true', null)] })", /^What `command` is told must be an object, not null\.$/],
  ["image({ stages: [copy('/x')] })", /^`to` of `copy` must be a text, not undefined\.$/],
  ["image({ stages: [copy('a', '/x', { owner: { uid: -1, gid: 0 } })] })", /^`owner` of `copy` must be/],
  ["image({ stages: [copyFrom(1, '/a', '/b')] })", /^`other` of `copyFrom` must be an image/],
  ["image({ stages: [comand('true')] })", /^TypeError: comand is not a function$/],
  ["process.exit(0) ?? image({ stages: [command('true')] })", /process\.exit was called/],
])('%s is refused at its line', async (text, says) => {
  const program = `import { comand, command, copy, copyFrom, image } from 'cambium';\n\nexport default ${text};\n`;
  using tree = makeTree({ [file]: program }, file);
  const error = await tree.error();
  expect(error.message).toMatch(says);
  expect(error).toMatchObject({ exitCode: 2, location: { line: 3 } });
});
