/**
 * A tree written for the protocol of BOSH's stage builder, with a library of its own: its persist writes into the tree,
 * unquoted; its stages find each other by base_dir, read the global settings, and move programs of the image aside.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTree } from './support/tree.ts';

const top = '#!/usr/bin/env bash\n\nset -e\n\nbase_dir=$(readlink -nf $(dirname $0)/../..)\n';
const config = (body: string) => `${top}source $base_dir/lib/prelude_config.bash\n${body}\n`;
const apply = (body: string) => `${top}source $base_dir/lib/prelude_apply.bash\n${body}\n`;

const library = {
  'lib/prelude_common.bash': `set -e
set -u
set -x
dir=$(dirname $0)
assets_dir=$dir/assets
base_dir=$(readlink -nf $dir/../..)
lib_dir=$(readlink -nf $base_dir/lib)
settings_file=$assets_dir/settings.bash
`,
  'lib/prelude_config.bash': `source $base_dir/lib/prelude_common.bash
source $1
mkdir -p $(dirname $settings_file)
rm -f $settings_file
echo "# generated" >> $settings_file
persist() {
  local value=$(eval echo -n "\\\${$1:-}")
  echo "$1=$value" >> $settings_file
}
persist_value() {
  if [ -z "$(eval echo -n "\\\${$1:-}")" ]; then
    printf "%s: %s\\n" "$dir" "\\$$1 is empty"
    exit 1
  fi
  persist $1
}
`,
  'lib/prelude_apply.bash': `source $base_dir/lib/prelude_common.bash
source $base_dir/lib/helpers.sh
work=$1
chroot=\${chroot:=$work/chroot}
mkdir -p $work $chroot
if [ -f $settings_file ]; then source $settings_file; fi
git config --global --add safe.directory /opt/tree
`,
  'lib/helpers.sh': `run_in_chroot() {
  local chroot=$1
  local script=$2
  mv $chroot/usr/sbin/invoke-rc.d $chroot/usr/sbin/invoke-rc.d.back
  ln -s /bin/true $chroot/usr/sbin/invoke-rc.d
  unshare -f -p -m $SHELL <<EOS
    mkdir -p $chroot/dev $chroot/proc
    mount -n --bind /dev $chroot/dev
    mount -n --bind /dev/shm $chroot/dev/shm
    mount -n --bind /dev/pts $chroot/dev/pts
    mount -n --bind /proc $chroot/proc
    chroot $chroot env -i PATH=/bin sh -e -c "$script"
EOS
  rm $chroot/usr/sbin/invoke-rc.d
  mv $chroot/usr/sbin/invoke-rc.d.back $chroot/usr/sbin/invoke-rc.d
}
`,
};

const stages = {
  'stages/root/apply.sh': apply(`mkdir -p $chroot/bin $chroot/usr/sbin
cp /bin/busybox $chroot/bin/
for name in sh env cat echo; do ln -s busybox $chroot/bin/$name; done
echo daemon > $chroot/usr/sbin/invoke-rc.d
mkdir -p $work/beside && echo kept > $work/beside/file`),
  'stages/users/config.sh': config('persist_value password\npersist absent'),
  'stages/users/apply.sh': apply(`run_in_chroot $chroot "
echo user > /users
cat /proc/self/status > /dev/null
"
echo "$password" > $chroot/password
echo "[$absent]" > $chroot/absent`),
  'stages/audit/functions.bash': 'note() { echo "$1" >> $chroot/audit; }\n',
  'stages/audit_debian/apply.sh': `${top}source $base_dir/stages/audit/functions.bash
source $base_dir/lib/prelude_apply.bash
source $base_dir/etc/settings.bash
note "version $version"`,
  // Not executable in such trees means: not run.
  'stages/audit_debian/config': 'exit 1\n',
};

const spec = `stage root
stage users
if [ \${audited:-no} == "yes" ]
then
  stage audit_debian
fi
`;

test('stages of the protocol run unmodified', async () => {
  using tree = makeTree({
    ...library,
    ...stages,
    'spec/test.spec': spec,
    'etc/settings.bash': 'password=c1oud\nversion=1.2\n# audited=yes\n',
    // Left over by a build in the tree, as the protocol does it.
    'stages/users/assets/settings.bash': 'password=stale\n',
  });
  const before = readdirSync(tree.dir, { recursive: true }).sort();
  const plan = await tree.plan({ set: { password: 'two words', audited: 'yes' } });
  const built = tree.build(plan);
  const text = (path: string) => built.read(path)?.toString();
  expect(text('chroot/password')).toBe('two words\n');
  expect(text('chroot/absent')).toBe('[]\n');
  expect(text('chroot/users')).toBe('user\n');
  expect(text('chroot/audit')).toBe('version 1.2\n');
  expect(text('chroot/usr/sbin/invoke-rc.d')).toBe('daemon\n');
  expect(text('beside/file')).toBe('kept\n');
  expect(readdirSync(tree.dir, { recursive: true }).sort()).toEqual(before);
});

test('only stages that name the global settings depend on them', async () => {
  using tree = makeTree({
    ...library,
    ...stages,
    'spec/test.spec': spec,
    'etc/settings.bash': 'password=a\naudited=yes\nversion=1\n',
  });
  const inputs = async (version: string) => {
    const plan = await tree.plan({ set: { version } });
    return new Map(plan.steps.map((step) => [step.id as string, JSON.stringify(step)]));
  };
  const [one, two] = [await inputs('1'), await inputs('2')];
  const changed = [...one.keys()].filter((id) => one.get(id) !== two.get(id));
  expect(changed).toEqual(['audit_debian:inputs']);
});

test('complaints show what a script said, without the trace of its commands', async () => {
  using tree = makeTree({
    ...library,
    ...stages,
    'spec/test.spec': spec,
    'etc/settings.bash': 'version=1\n',
  });
  const error = await tree.error();
  expect(error.message).toBe(
    'The config.sh of stage users failed with exit code 1:\n  stages/users: $password is empty',
  );
  expect(error.location).toEqual({ file: join(tree.dir, 'spec/test.spec'), line: 2 });
});
