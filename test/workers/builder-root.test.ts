/** The builder root `host`: the host's programs, and nothing else of it. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enterPrivateMounts, mountOverlay, unmount } from '../../src/kit/system.ts';
import { type HostBuilder, mountHostBuilder } from '../../src/workers/local/builder-root.ts';
import { hostIdentity, shownOfEtc } from '../../src/workers/local/host-identity.ts';
import { runContainer } from '../../src/workers/local/runtimes/index.ts';
import { newId } from './runtimes/support/rootfs.ts';

let dir: string;
let builder: HostBuilder;
beforeAll(() => {
  enterPrivateMounts();
  dir = mkdtempSync(`${tmpdir()}/cambium-builder-`);
  mkdirSync(`${dir}/builder`);
  builder = mountHostBuilder(`${dir}/builder`);
});
afterAll(() => {
  builder.unmount();
  rmSync(dir, { recursive: true, force: true });
});

async function sh(script: string) {
  const text = { stdout: '', stderr: '' };
  mkdirSync(`${dir}/work`, { recursive: true });
  const result = await runContainer({
    id: newId(),
    dir: mkdtempSync(`${dir}/run-`),
    rootfs: builder.rootfs,
    argv: ['bash', '-c', script],
    env: { LC_ALL: 'C.UTF-8' },
    cwd: '/',
    user: '',
    mounts: [{ type: 'bind', source: `${dir}/work`, target: '/work', readonly: false }],
    network: 'host',
    security: 'builder',
    noNewPrivileges: false,
    hostname: 'builder',
    limits: {},
    stdio: 'pipe',
    onOutput: (stream, piece) => {
      text[stream] += piece;
    },
  });
  return { result, ...text };
}

test('shows programs and empty folders', async () => {
  const { stdout } = await sh(
    'ls -A / ; echo --; ls -A /home /root /srv /opt /mnt /usr/local/bin /var/log/apt | grep -v :',
  );
  const [top = '', rest] = stdout.split('--\n');
  expect(
    top
      .trim()
      .split('\n')
      .filter((name) => !/^(lib.*|s?bin)$/.test(name)),
  ).toEqual('boot dev etc home media mnt opt proc root run srv sys tmp usr var work'.split(' '));
  expect(rest?.trim()).toBe('');
});

test('the tools that stages use run', async () => {
  const tools = ['sudo', 'rsync', 'git', 'patch', 'wget', 'perl', 'tar', 'dpkg', 'apt-get'];
  const present = tools.filter((tool) => existsSync(`/usr/bin/${tool}`));
  expect(present).toEqual(expect.arrayContaining(['perl', 'tar', 'dpkg', 'apt-get']));
  const { result, stderr } = await sh(
    present.map((tool) => `${tool} --version > /dev/null || exit 1`).join('\n'),
  );
  expect(stderr).toBe('');
  expect(result).toMatchObject({ exitCode: 0 });
});

test.runIf(existsSync('/usr/bin/sudo'))('sudo needs no password, and not more than it has', async () => {
  const { stdout, stderr } = await sh(
    'sudo -n id -u; sudo -n -u nobody id -un; chown nobody /work; sudo -n -u nobody touch /work/x && stat -c %U /work/x',
  );
  expect(stdout).toBe('0\nnobody\nnobody\n');
  expect(stderr).toBe('');
});

test('hides what only root of the host may read', async () => {
  const { stdout } = await sh(
    'cat /etc/shadow /etc/sudoers; ls /etc/machine-id /etc/ssl/private /etc/sudoers.d/README 2>/dev/null; find /etc -xdev -type f ! -perm -4',
  );
  expect(stdout).not.toMatch(/\$[0-9y]\$/);
  expect(stdout.trim().split('\n').slice(-3).sort()).toEqual(['/etc/gshadow', '/etc/shadow', '/etc/sudoers']);
  expect(stdout).toContain('root:*:');
});

test('/etc shows just what the identity covers', async () => {
  const { stdout } = await sh('cd /etc && find . -mindepth 1 -printf "%P\\n" | sort');
  const shown = new Set(stdout.trim().split('\n'));
  const covered = new Set(shownOfEtc());
  const own = new Set(['shadow', 'gshadow', 'sudoers', 'hosts', 'hostname', 'resolv.conf']);
  expect([...shown].filter((path) => !covered.has(path) && !own.has(path))).toEqual([]);
  expect([...covered].filter((path) => !shown.has(path))).toEqual([]);
});

test('writes are thrown away', async () => {
  const before = lstatSync('/etc').mtimeMs;
  const { result } = await sh(
    'echo x > /usr/bin/cambium-test && echo x > /etc/cambium-test && echo x > /var/log/x && rm /etc/passwd',
  );
  expect(result).toMatchObject({ exitCode: 0 });
  expect(
    existsSync('/usr/bin/cambium-test') || existsSync('/etc/cambium-test') || existsSync('/var/log/x'),
  ).toBe(false);
  expect(lstatSync('/etc').mtimeMs).toBe(before);
  mkdirSync(`${dir}/second`);
  const second = mountHostBuilder(`${dir}/second`);
  expect(existsSync(`${second.rootfs}/etc/passwd`) && !existsSync(`${second.rootfs}/etc/cambium-test`)).toBe(
    true,
  );
  second.unmount();
  expect(readdirSync(`${dir}/second/builder`)).toEqual([]);
  builder.unmount();
  rmSync(`${dir}/builder`, { recursive: true });
  mkdirSync(`${dir}/builder`);
  builder = mountHostBuilder(`${dir}/builder`);
});

test('alternatives and libraries resolve, names and mirrors are found as on the host', async () => {
  const { stdout, stderr } = await sh(
    'for link in /etc/alternatives/*; do readlink -e $link > /dev/null || echo $link; done | grep -v /usr/local | wc -l; ldconfig -p | grep -c libc.so.6; cat /etc/resolv.conf',
  );
  const dangling = execFileSync(
    'sh',
    ['-c', 'for link in /etc/alternatives/*; do readlink -e $link > /dev/null || echo; done | wc -l'],
    { encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  const [danglingInside, , ...resolv] = stdout.split('\n');
  expect(Number(danglingInside)).toBe(Number(dangling));
  expect(resolv.join('\n')).toBe(readFileSync('/etc/resolv.conf', 'utf8'));
});

test('dpkg sees no packages, and can hold its own database', async () => {
  const { stdout, stderr } = await sh(
    'dpkg -l | wc -l; dpkg --print-architecture; update-alternatives --query awk > /dev/null; apt-config dump | grep -c .',
  );
  expect(stdout.split('\n')[0]).toBe('0');
  expect(stderr).not.toContain('database');
});

test('a sysfs in a chroot is read-only', async () => {
  const { stdout, stderr } = await sh(
    'mkdir /tmp/s; mount -t sysfs -o nosuid sysfs /tmp/s && ls -d /tmp/s/kernel; touch /tmp/s/kernel/profiling; umount /tmp/s; rmdir /tmp/s',
  );
  expect(stdout).toBe('/tmp/s/kernel\n');
  expect(stderr).toMatch(/Read-only file system/);
});

test('is mounted in a few milliseconds', () => {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const at = `${dir}/timed-${i}`;
    mkdirSync(at);
    const before = performance.now();
    const timed = mountHostBuilder(at);
    times.push(performance.now() - before);
    timed.unmount();
  }
  expect(Math.min(...times)).toBeLessThan(40);
});

describe('identity', () => {
  const cacheOf = () => {
    const map = new Map<string, string>();
    return {
      map,
      get: (key: string) => map.get(key),
      set: (key: string, value: string) => void map.set(key, value),
    };
  };

  test('covers release, packages and /etc, and stays the same', () => {
    const cache = cacheOf();
    const first = hostIdentity(cache);
    expect(Object.keys(first).sort()).toEqual(expect.arrayContaining(['etc', 'release']));
    expect(Object.keys(first).some((name) => name.startsWith('packages '))).toBe(true);
    expect(hostIdentity(cache)).toEqual(first);
    expect(hostIdentity(cacheOf())).toEqual(first);
  });

  test('a change in /etc changes it, one of a volatile file does not', () => {
    // This test's /etc is an overlay that only this process sees.
    for (const name of ['upper', 'work-of-upper']) mkdirSync(`${dir}/${name}`);
    mountOverlay({
      lowers: ['/etc'],
      upper: { dir: `${dir}/upper`, work: `${dir}/work-of-upper` },
      at: '/etc',
    });
    const cache = cacheOf();
    const first = hostIdentity(cache);
    const file = '/etc/cambium-test';
    try {
      writeFileSync(file, 'one');
      const second = hostIdentity(cache);
      expect(second['etc']).not.toBe(first['etc']);
      // Same size, within the clock's grain: must be seen all the same.
      writeFileSync(file, 'two');
      expect(hostIdentity(cache)['etc']).not.toBe(second['etc']);
      writeFileSync(file, 'one');
      expect(hostIdentity(cache)['etc']).toBe(second['etc']);
      rmSync(file);
      for (const name of ['machine-id', 'hosts', 'adjtime']) writeFileSync(`/etc/${name}`, 'changed');
      expect(hostIdentity(cache)['etc']).toBe(first['etc']);
    } finally {
      unmount('/etc');
    }
    expect(hostIdentity(cache)).toEqual(first);
    expect(shownOfEtc()).not.toContain('machine-id');
  });
});
