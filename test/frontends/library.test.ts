/** The library for trees that have none: what its functions do, and what they leave behind. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTree } from './support/tree.ts';

const apply = (body: string) =>
  `#!/usr/bin/env bash\nbase_dir=$(readlink -nf $(dirname $0)/../..)\nsource $base_dir/lib/prelude_apply.bash\n${body}\n`;

/** A root folder with Bash and a few programs of this machine. */
const root = apply(`for program in /bin/bash /usr/bin/env /bin/cat /bin/busybox; do
  install -D $program $chroot$program
  for file in $(ldd $program | grep -o '/[^ ]*'); do install -D $file $chroot$file; done
done
mkdir -p $chroot/usr/sbin $chroot/etc`);

test('a run in the image has a clean environment and leaves nothing, even when it fails', async () => {
  using tree = makeTree({
    'spec/test.spec': 'stage root\nstage run\n',
    'stages/root/apply.sh': root,
    'stages/run/apply.sh': apply(`export SECRET=1
run_in_chroot $chroot '/bin/busybox env | /bin/busybox sort > /env; /bin/busybox ls /proc/self > /proc-seen; /bin/busybox ls /dev/null; cat /usr/sbin/policy-rc.d > /policy; cat /etc/resolv.conf > /resolv; echo "$0 with \\"quotes\\" and $((1 + 1))" > /script'
run_in_chroot $chroot "exit 7" || echo $? > $chroot/status
run_in_chroot $chroot "/no/such/program" || echo $? >> $chroot/status`),
  });
  const built = tree.build(await tree.plan());
  const text = (path: string) => built.read(`chroot/${path}`)?.toString();
  expect(text('status')).toBe('7\n127\n');
  expect(text('env')).not.toContain('SECRET');
  expect(text('env')).toContain('PATH=/usr/local/sbin:');
  expect(text('policy')).toContain('exit 101');
  expect(text('script')).toBe('bash with "quotes" and 2\n');
  const chroot = join(built.dirOf('run'), 'chroot');
  expect(readdirSync(join(chroot, 'usr/sbin'))).toEqual([]);
  expect(existsSync(join(chroot, 'etc/resolv.conf'))).toBe(false);
  expect(readdirSync(join(chroot, 'dev'))).toEqual([]);
  expect(readdirSync(join(chroot, 'proc'))).toEqual([]);
});

test('what a script adds on exit runs backwards, when it fails too, and keeps its exit code', async () => {
  using tree = makeTree({
    'spec/test.spec': 'stage late\n',
    'stages/late/apply.sh': apply(`(
  add_on_exit "echo first >> $chroot/log"
  add_on_exit "echo second >> $chroot/log"
  exit 4
) || echo $? >> $chroot/log`),
  });
  expect(
    tree
      .build(await tree.plan())
      .read('chroot/log')
      ?.toString(),
  ).toBe('second\nfirst\n4\n');
});

test('no program but su and sudo keeps its setuid bit', async () => {
  using tree = makeTree({
    'spec/test.spec': 'stage root\nstage strict\n',
    'stages/root/apply.sh': root,
    'stages/strict/apply.sh': apply(`source $base_dir/lib/prelude_bosh.bash
for file in $(ldd /usr/bin/find | grep -o '/[^ ]*') $(ldd /bin/chmod | grep -o '/[^ ]*') /usr/bin/find /bin/chmod; do install -D $file $chroot$file; done
for name in su other; do cp $chroot/bin/cat $chroot/bin/$name; chmod 4755 $chroot/bin/$name; done
restrict_binary_setuid
stat -c '%a' $chroot/bin/su $chroot/bin/other > $chroot/modes`),
  });
  const built = tree.build(await tree.plan());
  expect(built.read('chroot/modes')?.toString()).toBe('4755\n755\n');
});

test('a lib/ without a prelude has ours; one of its own is alone', async () => {
  using tree = makeTree({
    'spec/test.spec': 'stage late\n',
    'lib/helpers.sh': 'mine=yes\n',
    'lib/more.bash': 'more=yes\n',
    'stages/late/config.sh':
      '#!/bin/bash\n# Finds the rest by itself.\nsource lib/prelude_config.bash\nvalue=1; persist value\n',
    'stages/late/apply.sh': apply('source $base_dir/lib/more.bash\necho $mine $more $value > $chroot/seen'),
  });
  const built = tree.build(await tree.plan());
  expect(built.read('chroot/seen')?.toString()).toBe('yes yes 1\n');

  using other = makeTree({
    'spec/test.spec': 'stage late\n',
    'lib/prelude_apply.bash': 'chroot=$1/chroot\nmkdir $chroot\n',
    'stages/late/apply.sh': apply('ls $base_dir/lib > $chroot/seen'),
  });
  expect(
    other
      .build(await other.plan())
      .read('chroot/seen')
      ?.toString(),
  ).toBe('prelude_apply.bash\n');
});
