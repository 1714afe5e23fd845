/** What a run can see and do: environment, capabilities, system calls, paths, devices, names. */
import { afterAll, describe, expect, test } from 'vitest';
import { makeBox } from './support/rootfs.ts';

const box = makeBox();
afterAll(() => box[Symbol.dispose]());

const status = async (field: string, rest = {}) => {
  const { stdout } = await box.sh(`grep ^${field}: /proc/self/status`, rest);
  return stdout.replace(/^.*:\s*/, '').trim();
};

describe('environment', () => {
  test('holds what is given, PATH and HOME, and nothing of the host', async () => {
    process.env['CAMBIUM_TEST_SECRET'] = 'leak';
    const { stdout } = await box.run(['env'], { env: { A: 'b c', EMPTY: '' } });
    expect(stdout.trim().split('\n').sort()).toEqual([
      'A=b c',
      'EMPTY=',
      'HOME=/root',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ]);
  });

  test('a given PATH and HOME win', async () => {
    const { stdout } = await box.run(['env'], { env: { PATH: '/bin', HOME: '/x' } });
    expect(stdout.trim().split('\n').sort()).toEqual(['HOME=/x', 'PATH=/bin']);
  });

  test('host name, and the files that name it', async () => {
    const { stdout } = await box.sh('hostname; cat /etc/hostname; grep -c box /etc/hosts', {
      hostname: 'box',
    });
    expect(stdout).toBe('box\nbox\n1\n');
  });

  test('the working folder is made when it is missing', async () => {
    const { stdout } = await box.sh('pwd', { cwd: '/made/here' });
    expect(stdout).toBe('/made/here\n');
  });
});

describe('rights', () => {
  test("capabilities are Docker's default ones", async () => {
    expect(await status('CapEff')).toBe('00000000a80425fb');
    expect(await status('CapBnd')).toBe('00000000a80425fb');
    expect(await status('CapInh')).toBe('0000000000000000');
  });

  test('another user has no effective ones', async () => {
    expect(await status('CapEff', { user: 'app' })).toBe('0000000000000000');
  });

  test('a builder may mount, never change the host', async () => {
    const bits = BigInt(`0x${await status('CapEff', { security: 'builder' })}`);
    const has = (number: number) => ((bits >> BigInt(number)) & 1n) === 1n;
    expect([21, 18, 27, 31].map(has)).toEqual([true, true, true, true]);
    // DAC_READ_SEARCH, NET_ADMIN, SYS_MODULE, SYS_RAWIO, SYS_BOOT, SYS_TIME, MAC_*, SYSLOG, PERFMON, BPF
    expect([2, 12, 16, 17, 22, 25, 32, 33, 34, 38, 39].map(has)).toEqual(Array(11).fill(false));
  });

  test("a builder on the host's network can't read raw packets", async () => {
    const bits = async (network: 'host' | 'none') =>
      BigInt(`0x${await status('CapEff', { security: 'builder', network })}`) & (1n << 13n);
    expect(await bits('host')).toBe(0n);
    expect(await bits('none')).not.toBe(0n);
  });

  test('no-new-privileges is set where asked', async () => {
    expect(await status('NoNewPrivs')).toBe('0');
    expect(await status('NoNewPrivs', { noNewPrivileges: true })).toBe('1');
  });

  test('system calls are filtered', async () => {
    expect(await status('Seccomp')).toBe('2');
    const { stderr, result } = await box.sh('unshare -U true; mount -t tmpfs x /tmp; unshare -m true');
    expect(stderr).toContain('unshare');
    expect(stderr).toMatch(/mount.*(denied|not permitted)/i);
    expect(result).toMatchObject({ outcome: 'exit', exitCode: 1 });
  });

  test('a builder has a filter too', async () => {
    expect(await status('Seccomp', { security: 'builder' })).toBe('2');
  });
});

describe('file systems', () => {
  test('masked and read-only paths', async () => {
    const { stdout, stderr } = await box.sh(
      `cat /proc/keys /proc/timer_list /proc/interrupts | wc -c; ls /sys/firmware | wc -l
       echo 1 > /proc/sys/kernel/printk; echo x > /sys/kernel/profiling; mount | grep -c "on /proc/sys .*(ro"`,
    );
    expect(stdout).toBe('0\n0\n1\n');
    expect(stderr.match(/Read-only file system/g)).toHaveLength(2);
  });

  test('/dev holds the default devices only', async () => {
    const { stdout } = await box.sh(
      'ls /dev | grep -v core; stat -c %t,%T /dev/null /dev/zero; echo > /dev/null; ls /dev/pts',
    );
    expect(stdout.trim().split('\n')).toEqual(
      'fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero 1,3 1,5 ptmx'.split(' '),
    );
  });

  test('a device that is made can not be opened', async () => {
    const { stderr } = await box.sh('mknod /tmp/disk b 254 0 && head -c 1 /tmp/disk');
    expect(stderr).toMatch(/not permitted/);
    await box.sh('rm -f /tmp/disk');
  });

  test('processes of the host are not seen', async () => {
    const { stdout } = await box.sh('ps | wc -l; echo $$');
    const [lines, pid] = stdout.trim().split('\n').map(Number);
    expect(lines).toBeLessThan(6);
    expect(pid).toBe(1);
  });

  test('cgroups are read-only', async () => {
    const { stderr } = await box.sh(
      'for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/x 2>&1 | head -1 >&2; done',
    );
    expect(stderr).toContain('Read-only file system');
    expect(
      stderr
        .trim()
        .split('\n')
        .every((line) => /Read-only|not a dir/i.test(line)),
    ).toBe(true);
  });

  test('bind mounts, read-only ones, tmpfs', async () => {
    const { result, stderr, stdout } = await box.sh(
      'cat /src/group | head -1; echo x > /tmp2/x && ls /tmp2; echo y > /src/y',
      {
        mounts: [
          { type: 'bind', source: `${box.rootfs}/etc`, target: '/src', readonly: true },
          { type: 'tmpfs', target: '/tmp2', sizeBytes: 1 << 20 },
        ],
      },
    );
    expect(stdout).toBe('root:x:0:\nx\n');
    expect(stderr).toContain('Read-only');
    expect(result).toMatchObject({ outcome: 'exit', exitCode: 1 });
  });
});

describe('builders', () => {
  test('bind mounts, chroot, unshare and mknod work', async () => {
    const { stdout, stderr, result } = await box.sh(
      `mkdir /tmp/c && mount --bind / /tmp/c && mount --bind /proc /tmp/c/proc && chroot /tmp/c true &&
       mount --bind /etc /tmp/c/tmp && mount -o remount,bind,ro /tmp/c/tmp && ! touch /tmp/c/tmp/x 2>/dev/null && mknod /tmp/n c 1 3 && echo > /tmp/n &&
       unshare -m -p -f true && echo fine; umount /tmp/c/tmp; umount /tmp/c/proc; umount /tmp/c; rm -rf /tmp/c /tmp/n`,
      { security: 'builder' },
    );
    expect(stderr).toBe('');
    expect(stdout).toBe('fine\n');
    expect(result).toMatchObject({ outcome: 'exit', exitCode: 0 });
  });

  test('sees /sys read-only', async () => {
    const { stderr } = await box.sh('echo 1 > /sys/kernel/profiling', { security: 'builder' });
    expect(stderr).toContain('Read-only');
  });
});
