/** Specs → plans, and what their stages do when the plans are carried out. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are Bash
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CopyOp, RunOp } from '../../src/plan/index.ts';
import { makeTree } from './support/tree.ts';

const apply = (body: string) =>
  `#!/usr/bin/env bash\nbase_dir=$(readlink -nf $(dirname $0)/../..)\nsource $base_dir/lib/prelude_apply.bash\n${body}\n`;
const config = (body: string) =>
  `#!/usr/bin/env bash\nbase_dir=$(readlink -nf $(dirname $0)/../..)\nsource $base_dir/lib/prelude_config.bash\n${body}\n`;

test('stages become steps, one on the other, in the order of their calls', async () => {
  using tree = makeTree({
    'spec/test.spec': 'stage one\nif [ "${extra:-no}" == yes ]; then\n  stage two\nfi\nstage one\n',
    'etc/settings.bash': '# extra=yes\n',
    'stages/one/apply.sh': apply('echo one >> $chroot/log'),
    'stages/two/apply.sh': apply('echo two >> $chroot/log'),
  });
  const plan = await tree.plan({ set: { extra: 'yes' } });
  expect(plan.steps.map((step) => step.id)).toEqual([
    'one:inputs',
    'one',
    'two:inputs',
    'two',
    'one#2:inputs',
    'one#2',
  ]);
  expect(plan.steps.filter((step) => !step.internal).map((step) => step.base)).toEqual([
    undefined,
    'one',
    'two',
  ]);
  expect(plan.steps.find((step) => step.id === 'two')?.location).toEqual({
    file: join(tree.dir, 'spec/test.spec'),
    line: 3,
  });
  expect(plan.image.root).toBe('/chroot');
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  expect(tree.build(plan).read('chroot/log')?.toString()).toBe('one\ntwo\none\n');

  const without = await tree.plan();
  expect(without.steps.filter((step) => !step.internal)).toHaveLength(2);
});

test('a stage sees its own folder, the library and what it names; nothing else', async () => {
  using tree = makeTree({
    'spec/test.spec': 'stage look\nstage shared\nextra_input data/more\nstage late\n',
    'etc/settings.bash': 'secret=1\n',
    'data/one.txt': '1',
    'data/two.txt': '2',
    'data/more/x': 'x',
    'stages/common/functions.bash': 'greet() { echo hello; }\n',
    'stages/look/apply.sh': apply(
      '(cd /build && find . ! -path "./lib/*" ! -type d | sort) > $chroot/seen; ls -A ~ > $chroot/home; env | cut -d= -f1 | sort > $chroot/env',
    ),
    'stages/look/assets/with space': '',
    'stages/look/inputs': '# what it needs\ndata/one.txt\n',
    'stages/shared/apply.sh': apply(
      'source $base_dir/stages/common/functions.bash\nsource "$base_dir/etc/settings.bash"\ngreet > $chroot/greeting; echo $secret > $chroot/secret',
    ),
    'stages/late/apply.sh': apply('cat $base_dir/data/more/x > $chroot/more'),
  });
  const built = tree.build(await tree.plan());
  const lines = (path: string) => built.read(path)?.toString().trim().split('\n');
  expect(lines('chroot/seen')).toEqual([
    './data/one.txt',
    './stages/look/apply.sh',
    './stages/look/assets/with space',
    './stages/look/inputs',
  ]);
  expect(lines('chroot/home')).toEqual(['']);
  expect(lines('chroot/env')).not.toContain('VITEST');
  expect(lines('chroot/greeting')).toEqual(['hello']);
  expect(lines('chroot/secret')).toEqual(['1']);
  expect(lines('chroot/more')).toEqual(['x']);
});

test('persisted settings reach the stage, whatever they hold, and the tree is not written to', async () => {
  const value = 'two  words; $(touch /work/chroot/pwned) \'single\' "double" $HOME `id` * \\ end';
  using tree = makeTree({
    'spec/test.spec': 'stage users\n',
    'etc/settings.bash': "password=''\nother=unseen\n",
    'stages/users/config.sh': config(
      "persist_value password\npersist absent\nmultiline=$'a\\nb'\npersist multiline",
    ),
    'stages/users/apply.sh': apply(
      'printf %s "$password" > $chroot/password; printf %s "$multiline" > $chroot/multiline; echo "${other:-none}${absent}" > $chroot/other',
    ),
  });
  const built = tree.build(await tree.plan({ set: { password: value } }));
  expect(built.read('chroot/password')?.toString()).toBe(value);
  expect(built.read('chroot/multiline')?.toString()).toBe('a\nb');
  expect(built.read('chroot/other')?.toString()).toBe('none\n');
  expect(built.read('chroot/pwned')).toBeUndefined();
  expect(readdirSync(join(tree.dir, 'stages/users')).sort()).toEqual(['apply.sh', 'config.sh']);
});

test('files that a config.sh makes reach its stage, at the path where it made them', async () => {
  using tree = makeTree({
    'spec/test.spec': 'stage tools\n',
    'stages/tools/config.sh': config(
      'downloads=$assets_dir/downloads\npersist_value downloads\nmkdir -p $downloads\necho tool > $downloads/tool',
    ),
    'stages/tools/apply.sh': apply('cp $downloads/tool $chroot/'),
  });
  const plan = await tree.plan();
  expect(plan.steps.map((step) => step.id)).toEqual([
    ':configure-inputs',
    ':configure',
    'tools:inputs',
    'tools',
  ]);
  expect(tree.build(plan).read('chroot/tool')?.toString()).toBe('tool\n');
});

test('editing a script leaves the configure step alone', async () => {
  const files = {
    'spec/test.spec': 'stage a\n',
    'stages/a/config.sh': config(''),
    'stages/a/apply.sh': apply('true'),
  };
  const plans: string[] = [];
  for (const body of ['true', 'false']) {
    using tree = makeTree({ ...files, 'stages/a/apply.sh': apply(body) });
    await tree.plan({
      evaluate: async (plan) => {
        const copies = plan.steps[0]?.op as CopyOp;
        const stage = copies.copies.find((copy) => copy.dest === '/build/stages/a/');
        plans.push(JSON.stringify(stage?.from).replaceAll(tree.dir, ''));
        return tree.build(plan).read;
      },
    });
  }
  expect(plans[0]).toContain('apply.sh');
  expect(plans[0]).toBe(plans[1]);
});

test('inside.sh runs in the image itself, with its settings', async () => {
  using tree = makeTree({
    'spec/test.spec':
      'base ./rootfs\nstage in\nimage cmd /bin/hello --port 80\nimage env A=1 B=2\nimage env A=3\nimage expose 80\nimage label x=y=z\n',
    'etc/settings.bash': 'greeting="hello you"\n',
    'stages/in/config.sh': config('persist greeting'),
    'stages/in/inside.sh': '#!/bin/busybox sh\n. "$settings_file"\necho "$greeting" > /greeting\n',
    'rootfs/bin/': '',
  });
  readFileSync('/bin/busybox');
  const plan = await tree.plan();
  expect(plan.image).toMatchObject({
    root: '/',
    config: {
      Cmd: ['/bin/hello', '--port', '80'],
      Env: ['B=2', 'A=3'],
      ExposedPorts: { '80/tcp': {} },
      Labels: { x: 'y=z' },
    },
  });
  const run = plan.steps.at(-1)?.op as RunOp;
  expect(run).toMatchObject({
    root: { type: 'snapshot', path: '/' },
    security: 'default',
    argv: ['/build/stages/in/inside.sh'],
  });
  expect(run.identity).toBeUndefined();
});

test('apply stages carry the identity of the host, unless an image is their builder', async () => {
  using tree = makeTree({
    'spec/test.spec': 'stage a\n',
    'spec/own.spec': 'builder ./rootfs\nstage a\n',
    'stages/a/apply.sh': apply('true'),
    'rootfs/usr/': '',
  });
  expect((await tree.plan()).steps.at(-1)?.op).toMatchObject({
    identity: { release: 'test' },
    security: 'builder',
  });
  const own = await tree.plan({ path: join(tree.dir, 'spec/own.spec') });
  expect(own.steps.map((step) => step.id)).toEqual([':builder', 'a:inputs', 'a']);
  expect(own.steps.at(-1)?.op).toMatchObject({ root: { builder: { step: ':builder', root: '/' } } });
  expect(own.steps.at(-1)?.op).not.toHaveProperty('identity');
  expect(own.steps[1]?.base).toBeUndefined();
});

test('exported variables of the spec reach the stages after them', async () => {
  using tree = makeTree({
    'spec/test.spec': 'stage a\nexport FLAVOUR="very hot"\nstage b\n',
    'stages/a/apply.sh': apply('echo "${FLAVOUR:-none}" > $chroot/a'),
    'stages/b/config.sh': config('assert_value FLAVOUR'),
    'stages/b/apply.sh': apply('echo "$FLAVOUR" > $chroot/b'),
  });
  const plan = await tree.plan();
  expect(plan.steps.find((step) => step.id === 'a')?.op).not.toHaveProperty('env.FLAVOUR');
  const built = tree.build(plan);
  expect([built.read('chroot/a')?.toString(), built.read('chroot/b')?.toString()]).toEqual([
    'none\n',
    'very hot\n',
  ]);
});

test('--target stops after a stage, --no-cache-filter marks one', async () => {
  using tree = makeTree({
    'spec/test.spec': 'stage a\nstage b\nstage c\n',
    'stages/a/apply.sh': apply(''),
    'stages/b/apply.sh': apply(''),
    'stages/c/apply.sh': apply(''),
  });
  const plan = await tree.plan({ target: 'b', noCacheFilter: ['a'] });
  await expect(tree.plan({ noCacheFilter: ['aa'] })).rejects.toMatchObject({ code: 'missing-stage' });
  expect(plan.result).toBe('b');
  expect(plan.steps.filter((step) => step.noCache).map((step) => step.id)).toEqual(['a']);
});

test('a spec may lie beside stages/ or deep in a folder, and source its neighbours', async () => {
  using tree = makeTree({
    'a b.spec': 'source ./common.bash\nboth\n',
    'common.bash': 'both() { stage a; }\n',
    'spec/deep/x.spec': 'source "$base_dir/spec/common.bash"\nstage "$NAME"\n',
    'spec/common.bash': 'NAME=a\n',
    'stages/a/apply.sh': apply('true'),
  });
  for (const path of ['a b.spec', 'spec/deep/x.spec']) {
    const plan = await tree.plan({ path: join(tree.dir, path) });
    expect(plan.steps.map((step) => step.id)).toEqual(['a:inputs', 'a']);
  }
  const plan = await tree.plan({ path: join(tree.dir, 'a b.spec') });
  expect(plan.steps[1]?.location).toEqual({ file: join(tree.dir, 'common.bash'), line: 1 });
});
