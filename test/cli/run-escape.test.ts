/** What code in `cambium run` can't do, tried as an attacker would. Each attempt is checked on the host, too. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { boxImage } from '../support/box-image.ts';
import { type CliResult, cambium, cambiumOk, startCambium } from '../support/cli.ts';
import { leftovers } from '../support/leftovers.ts';
import { scratch, scratchOn } from '../support/scratch.ts';

const place = scratch();
let at: { store: string; cwd: string };
let service: Server;
beforeAll(async () => {
  at = boxImage(place);
  service = createServer((socket) => socket.on('error', () => {}).end('of the host\n')).listen(
    0,
    '127.0.0.1',
  );
  await once(service, 'listening');
});
afterAll(() => {
  service.close();
  place[Symbol.dispose]();
});

const sh = (script: string, ...flags: string[]): CliResult =>
  cambium(['run', ...flags, 'box', 'sh', '-c', script], at);

/** Runs each line by itself; gives back those that succeeded. */
function succeeded(lines: readonly string[], ...flags: string[]): string[] {
  const script = lines.map((line, at) => `(${line}) >/dev/null 2>&1 && echo ${at}`).join('\n');
  const { stdout, stderr } = sh(`${script}\ntrue`, ...flags);
  expect(stderr).toBe('');
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((at) => lines[Number(at)] as string);
}

describe('the kernel', () => {
  test('nothing is mounted, unshared or remounted', () => {
    const attempts = [
      'mount -t tmpfs t /tmp',
      'mount -t proc p /tmp',
      'mount -t sysfs s /tmp',
      'mount -t cgroup -o memory c /tmp',
      'mount -t cgroup2 c /tmp',
      'mount --bind / /tmp',
      'mount -o remount,rw /sys',
      'mount -o remount,rw,bind /proc/sys',
      'umount /proc/sys',
      'umount /sys/firmware',
      'unshare -m true',
      'unshare -U true',
      'unshare -n true',
      'nsenter -t 1 -m true && test ! -e /srv/old',
      'pivot_root / /tmp',
    ];
    expect(succeeded(['true', ...attempts])).toEqual(['true']);
  });

  test('the list of mounts tells nothing of where the store is', () => {
    const mounts = cambiumOk(['run', '-v', 'shown:/srv', 'box', 'cat', '/proc/mounts'], at).stdout;
    expect(mounts).toMatch(/^cambium \/ overlay /);
    expect(mounts).not.toContain(place.dir);
    cambiumOk(['volume', 'rm', 'shown'], at);
  });

  test('no setting of the kernel and no switch of the machine is written', () => {
    const hostname = readFileSync('/proc/sys/kernel/hostname', 'utf8');
    const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
    const attempts = [
      'echo "|/tmp/x" > /proc/sys/kernel/core_pattern',
      'echo evil > /proc/sys/kernel/hostname',
      'echo 1 > /proc/sys/vm/drop_caches',
      'echo b > /proc/sysrq-trigger',
      'echo 0 > /proc/irq/default_smp_affinity',
      'echo /tmp/x > /sys/kernel/uevent_helper',
      'echo 1 > /sys/kernel/profiling',
      'echo /tmp/x > /sys/fs/cgroup/memory/release_agent',
      'echo 1 > /sys/fs/cgroup/memory/notify_on_release',
      ...['pids.max', 'pids/pids.max', 'memory/memory.limit_in_bytes', 'devices/devices.allow'].map(
        (name) => `test -e /sys/fs/cgroup/${name} && echo 1 > /sys/fs/cgroup/${name}`,
      ),
      'mkdir /sys/fs/cgroup/memory/x',
      'cat /proc/kcore',
      'grep . /proc/keys',
      'dmesg',
      'hostname evil',
      'date -s 2001-01-01; test "$(date +%Y)" = 2001',
      'reboot -f',
      'swapoff -a && false',
    ];
    expect(succeeded(['true', ...attempts])).toEqual(['true']);
    expect(readFileSync('/proc/sys/kernel/hostname', 'utf8')).toBe(hostname);
    expect(readFileSync('/proc/sys/kernel/core_pattern', 'utf8')).toBe(pattern);
  });

  test('devices of the host are not opened, whoever made their nodes', () => {
    const disks = readdirSync('/sys/class/block').map((name) =>
      readFileSync(`/sys/class/block/${name}/dev`, 'utf8').trim().replace(':', ' '),
    );
    mkdirSync(place.path('nodes'));
    expect(disks.length).toBeGreaterThan(0);
    spawnSync('mknod', [place.path('nodes/disk'), 'b', ...(disks[0] as string).split(' ')]);
    const attempts = [
      ...disks.slice(0, 4).map((disk) => `rm -f /tmp/d; mknod /tmp/d b ${disk} && head -c 1 /tmp/d`),
      'rm -f /tmp/m; mknod /tmp/m c 1 1 && head -c 1 /tmp/m',
      'rm -f /tmp/k; mknod /tmp/k c 1 11 && head -c 1 /tmp/k',
      'rm -f /tmp/l; mknod /tmp/l c 10 237 && head -c 1 /tmp/l',
      'head -c 1 /nodes/disk',
      'echo x > /nodes/disk',
    ];
    expect(succeeded(['head -c 1 /dev/zero', ...attempts], '-v', './nodes:/nodes')).toEqual([
      'head -c 1 /dev/zero',
    ]);
  });
});

describe('others', () => {
  test('a neighbour, the host and their processes are neither seen nor reached', async () => {
    // Other tests may run beside this one.
    const nap = `sleep 4747${process.pid}`;
    const { child, ended } = startCambium(['run', 'box', 'sh', '-c', nap], at);
    onTestFinished(() => void child.kill('SIGKILL'));
    const isNap = (pid: string) => commandOf(pid).startsWith(nap);
    const naps = () => readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isNap(pid));
    await expect.poll(naps, { timeout: 20_000 }).toHaveLength(1);
    const pids = naps();
    const look = sh(`ps -o args | grep -c '^sleep'; kill -9 ${pids[0]}; kill -9 ${process.pid}
      cat /proc/${pids[0]}/environ; kill -9 -1`);
    expect(look.stdout).toBe('0\n');
    expect(look.stderr).toMatch(/No such process\n.*No such process\n.*No such file/);
    expect(isNap(pids[0] as string)).toBe(true);
    child.kill('SIGTERM');
    expect((await ended).code).toBe(143);
  });

  test("the init is the host's own file, and stays as it is", () => {
    const attempts = [
      'echo x > /dev/init',
      'cp /bin/busybox /dev/init',
      'chmod 777 /dev/init',
      'rm -f /dev/init',
      'kill -9 1 && sleep 0.2 && test ! -e /proc/1',
    ];
    const { stdout: before } = spawnSync('sha256sum', ['/usr/bin/tini-static']);
    expect(succeeded(['true', ...attempts])).toEqual(['true']);
    expect(spawnSync('sha256sum', ['/usr/bin/tini-static']).stdout).toEqual(before);
  });

  test("services on the host's loopback are out of reach, but with the network `host`", async () => {
    const { port } = service.address() as AddressInfo;
    const ask = ['127.0.0.1', '10.0.2.2', '10.0.2.3', '::1', '0.0.0.0'].map(
      (to) => `nc -w 1 ${to} ${port} </dev/null`,
    );
    const script = `(${ask.join('; ')}) 2>/dev/null; echo end`;
    // The service is ours: it answers only while we wait.
    const reached = async (network: string) => {
      const { ended } = startCambium(['run', '--network', network, 'box', 'sh', '-c', script], at);
      return (await ended).stdout;
    };
    expect(await reached('none')).toBe('end\n');
    expect(await reached('nat')).toBe('end\n');
    expect(await reached('host')).toContain('of the host');
    expect(sh('ls /sys/class/net', '--network', 'none').stdout).toBe('lo\n');
  });
});

describe('paths', () => {
  test('links and `..` in an image or a volume lead nowhere else', () => {
    mkdirSync(place.path('target'));
    writeFileSync(place.path('target/mine'), 'of the host\n');
    const outside = place.path('target');
    const evil = `ln -s ${outside} /abs; ln -s ../../../../../..${outside} /rel; ln -s / /deep; ln -s loop /loop`;
    expect(cambium(['run', '--commit', 'evil', 'box', 'sh', '-c', evil], at).code).toBe(0);
    const run = (script: string, ...flags: string[]) =>
      cambium(['run', ...flags, 'evil', 'sh', '-c', script], at);
    // The place is made inside of the image, through its own links.
    for (const link of ['/abs', '/rel', '/abs/new', `/deep/../../..${outside}`]) {
      const { stdout, code, stderr } = run(
        `cat ${outside}/mine 2>/dev/null; ls ${outside}`,
        '-v',
        `vol:${link}`,
      );
      expect({ stdout, code }, stderr).toEqual({ stdout: link === '/abs/new' ? 'new\n' : '', code: 0 });
    }
    expect(run('true', '-v', 'vol:/loop/x').code).toBe(2);
    expect(readdirSync(outside)).toEqual(['mine']);
    expect(readFileSync(place.path('target/mine'), 'utf8')).toBe('of the host\n');
    // A volume whose owner was not careful.
    expect(sh(`ln -s ${outside} /v/out; ln -s /../../.. /v/up`, '-v', 'vol:/v').code).toBe(0);
    for (const path of ['out', 'up/etc', `../../../../../..${outside}`]) {
      const mount = `type=volume,source=vol,target=/x,volume-subpath=${path}`;
      expect(sh('ls /x', '--mount', mount), path).toMatchObject({ code: 2, stdout: '' });
    }
    expect(sh('ls /v/out/', '-v', 'vol:/v', '-v', 'other:/v/out/inner').stdout).not.toContain('mine');
    expect(readdirSync(outside)).toEqual(['mine']);
  });

  test('a setuid file that a command leaves on a volume helps nobody on the host', () => {
    expect(sh('cp /bin/busybox /v/root; chmod 4755 /v/root', '-v', 'suid:/v').code).toBe(0);
    const [{ mountpoint }] = JSON.parse(cambiumOk(['volume', 'inspect', 'suid'], at).stdout) as [
      { mountpoint: string },
    ];
    expect(statSync(`${mountpoint}/root`).mode & 0o7777).toBe(0o4755);
    // By way of a shell: setpriv itself still has root's capabilities when it starts a program.
    const attempt = spawnSync('setpriv', [
      ...['--reuid', '65534', '--regid', '65534', '--clear-groups'],
      ...['sh', '-c', 'exec "$0" id -u', `${mountpoint}/root`],
    ]);
    expect(attempt.stdout.toString()).toBe('');
    expect(attempt.stderr.toString()).toContain('Permission denied');
    expect(statSync(`${at.store}/volumes`).mode & 0o777).toBe(0o700);
  });

  test('the secrets of the host are in none of its folders', () => {
    const { stdout } = sh(
      `cat /etc/shadow 2>/dev/null; ls /root /home; env; ls ${at.store} ${process.cwd()} 2>/dev/null`,
    );
    expect(stdout).not.toContain(readFileSync('/etc/shadow', 'utf8').split('\n')[0]);
    expect(stdout).not.toMatch(/cambium\.db|package\.json|CAMBIUM_STORE/);
  });
});

describe('bombs', () => {
  test('of processes: refused at the limit, and told', () => {
    const { code, stderr } = sh('bomb() { bomb | bomb & }; bomb; sleep 1; exit 4', '--pids', '100');
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/hint: It wanted to start more processes than it may: allow more with --pids/);
    expect(leftovers(at.store).processes).toEqual([]);
  });

  test('of memory, in files of memory too: killed or full, and told', () => {
    const eats = sh('head -c 500m /dev/zero | tail', '--memory', '40m');
    expect(eats.code).toBe(137);
    expect(eats.stderr).toMatch(/error: The command ran out of memory: it was killed at its limit of 40 MiB/);
    const shm = sh('dd if=/dev/zero of=/dev/shm/x bs=1M 2>/dev/null; du -m /dev/shm/x', '--memory', '200m');
    expect(shm.stdout).toMatch(/^64\t/);
    const tmpfs = sh('dd if=/dev/zero of=/t/x bs=1M 2>/dev/null; du -m /t/x', '--tmpfs', '/t:size=5m');
    expect(tmpfs.stdout).toMatch(/^5\t/);
  });

  test('of the disk: full for the command, and free again after it', () => {
    using small = scratchOn('ext4', '96M');
    const there = { store: small.path('store'), cwd: place.dir };
    cambiumOk(['image', 'import', place.path('rootfs.tar'), 'box'], there);
    const fill = 'dd if=/dev/zero of=/fill bs=1M count=200 2>&1 | grep -o "No space left.*"; exit 1';
    const filled = cambium(['run', 'box', 'sh', '-c', fill], there);
    expect(filled).toEqual({ code: 1, stdout: 'No space left on device\n', stderr: '' });
    expect(
      cambiumOk(
        ['run', 'box', 'sh', '-c', 'dd if=/dev/zero of=/a bs=1M count=40 2>/dev/null; echo fits'],
        there,
      ).stdout,
    ).toBe('fits\n');
    expect(leftovers(there.store)).toMatchObject({ processes: [], runs: [] });
    const file = sh(
      'dd if=/dev/zero of=/big bs=1M count=9 2>/dev/null; du -m /big',
      '--ulimit',
      'fsize=4194304',
    );
    expect(file.stdout).toMatch(/^4\t/);
  });
});

function commandOf(pid: string): string {
  return existsSync(`/proc/${pid}/cmdline`)
    ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
    : '';
}
