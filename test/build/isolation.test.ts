/** What a stage with the right to mount can't do to its machine, over the real command line. */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { build } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';
import { specTree } from '../support/spec-tree.ts';

const here = scratch();
const at = { store: here.path('store') };
afterAll(() => here[Symbol.dispose]());
const tree = specTree(here.path('tree'));

/** Output of a build of the stage `name`, whose apply.sh is `script`. */
function outputOf(name: string, script: string, flags: readonly string[] = []): string {
  tree.stage(name, script, 'apply');
  tree.stages('base', name);
  const run = build([tree.spec, ...flags], at);
  expect(run.code, run.stderr).toBe(0);
  return run.events.flatMap((event) => (event.type === 'step-output' ? [event.text] : [])).join('');
}

test('its own script in the store stays as it is, whatever it remounts', () => {
  const output = outputOf(
    'writes',
    `mount -o remount,rw,bind /build || true
     mount -o remount,rw /build || true
     if echo '# changed' >> /build/stages/writes/apply.sh; then echo WRITTEN; fi
     if touch /build/stages/writes/new; then echo WRITTEN; fi`,
  );
  expect(output).toContain('Read-only file system');
  expect(output).not.toContain('WRITTEN');
});

test('calls by which a stage could reach its machine are refused', () => {
  tree.write(
    'stages/calls/assets/hostile.pl',
    readFileSync(new URL('fixtures/hostile.pl', import.meta.url), 'utf8'),
  );
  expect(outputOf('calls', 'perl /build/stages/calls/assets/hostile.pl; echo tried').trim()).toBe('tried');
});

test('nothing of the kernel can be written, not where masks are taken away and not in namespaces of its own', () => {
  const domain = readFileSync('/proc/sys/kernel/domainname', 'utf8');
  const probe = `find "$@" -xdev -path '*/[0-9]*' -prune -o -path '*/self' -prune -o -path '*/thread-self' -prune -o -type f -writable -print 2>/dev/null |
    while read -r file; do [ -c $file ] || echo $file; done | head -5`;
  tree.write('stages/kernel/assets/writable.sh', `#!/bin/sh\n${probe}\n`, 0o755);
  const output = outputOf(
    'kernel',
    `set +e; exec 2>&1; PATH=/build/stages/kernel/assets:$PATH
     mkdir /tmp/p /tmp/s
     mount --bind /proc /tmp/p; mount --bind /sys /tmp/s
     for at in /proc/sys /proc/irq /proc/bus /proc/fs /proc/sysrq-trigger /sys/firmware /sys/fs/cgroup /sys; do umount $at; done
     writable.sh /proc /sys /sys/fs/cgroup /sys/fs/cgroup/* /tmp/p /tmp/s
     unshare -m -n -p -f -C sh -c 'mount -t sysfs n /tmp/s; mount -t proc n /tmp/p; writable.sh /tmp/p /tmp/s'
     unshare -U -m -n sh -c 'mount -i -t sysfs n /tmp/s; mount -i -t proc n /tmp/p; mount -i -t tmpfs n /tmp/p; writable.sh /tmp/p /tmp/s'
     (echo broken > /tmp/p/sys/kernel/domainname) 2>/dev/null && echo WRITTEN
     mknod /tmp/disk b $(stat -c '%Hd %Ld' /work 2>/dev/null || echo 254 0); head -c1 /tmp/disk > /dev/null && echo READ
     echo tried`,
  );
  expect(output).not.toMatch(/^\/(proc|sys|tmp)\//m);
  expect(output).not.toMatch(/WRITTEN|READ$/m);
  expect(output).toContain('tried');
  expect(readFileSync('/proc/sys/kernel/domainname', 'utf8')).toBe(domain);
});

test('what stages do in a chroot works: mounts of every usual kind, devices, capabilities of files', () => {
  const output = outputOf(
    'chroots',
    `chroot=$1/chroot; cd $chroot; mkdir -p proc sys dev run mnt
     mount -n --bind /dev $chroot/dev; mount -n --bind /dev/pts $chroot/dev/pts; mount -t devpts devpts $chroot/dev/pts
     unshare -f -p -m /bin/sh -e <<END
       mount -n -t proc proc $chroot/proc; mount -t sysfs -o ro,nosuid sysfs $chroot/sys
       mount -t tmpfs -o mode=750,size=1m,uid=3 tmpfs $chroot/run
       stat -c '%a %u' $chroot/run
       chroot $chroot /bin/sh -c 'ls -d /proc/self /sys/kernel; echo > /dev/null; touch /run/x'
       umount $chroot/run $chroot/sys $chroot/proc
END
     umount dev/pts dev/pts dev
     mount --bind $chroot mnt; mount -o remount,ro,bind mnt; touch mnt/x 2>/dev/null || echo read-only; umount mnt
     mount --make-rprivate /; mknod dev/null c 1 3; setcap cap_net_raw+ep bin/busybox; getcap bin/busybox
     cp --reflink=auto bin/busybox copy; ls run sys proc | wc -w; echo done`,
  );
  expect(output.trim().split('\n')).toEqual([
    '750 3',
    '/proc/self',
    '/sys/kernel',
    'read-only',
    'bin/busybox cap_net_raw=ep',
    expect.stringMatching(/^\d+$/),
    'done',
  ]);
});

test('what a stage writes to its builder has an end, and is no file of this machine', () => {
  const output = outputOf(
    'hoarder',
    `df -k / | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2; truncate -s 3g /usr/lib/big; fallocate -l 3g /usr/lib/full 2>&1 || echo FULL`,
  );
  const [sizeKiB = ''] = output.trim().split('\n');
  expect(Number(sizeKiB)).toBeLessThanOrEqual(2 * 1024 ** 2);
  expect(output).toMatch(/No space left[\s\S]*FULL/);
  expect(existsSync('/usr/lib/full')).toBe(false);
});

test('a memory limit holds for files of the builder too', () => {
  tree.stage('hoard', 'head -c 200m /dev/zero > /usr/lib/big; echo FREE', 'apply');
  tree.stages('base', 'hoard');
  const run = build([tree.spec, '--memory', '64m'], at);
  expect(run.code).toBe(1);
  expect(JSON.stringify(run.events)).toContain('"reason":"out-of-memory"');
});

test('a memory limit holds, whatever a stage writes', () => {
  tree.stage(
    'greedy',
    `for file in $(find /sys/fs/cgroup -name 'memory*limit_in_bytes' -o -name memory.max); do (echo -1 > $file) || (echo max > $file) || true; done
     head -c 300m /dev/zero | tail -c 200m > /dev/null; echo FREE`,
    'apply',
  );
  tree.stages('base', 'greedy');
  const run = build([tree.spec, '--memory', '64m'], at);
  expect(run.code).toBe(1);
  expect(JSON.stringify(run.events)).toContain('"reason":"out-of-memory"');
});
