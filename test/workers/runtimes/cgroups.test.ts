/** Where cgroups are, on each kind of machine. */
import { expect, test } from 'vitest';
import { cgroupPath, parseHierarchies } from '../../../src/workers/local/runtimes/cgroups.ts';

const unified = 'cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0\n';
const hybrid = `tmpfs /sys/fs/cgroup tmpfs ro,mode=755 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nosuid 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,xattr,name=systemd 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
`;

test('version 2', () => {
  expect(parseHierarchies(`proc /proc proc rw 0 0\n${unified}`)).toEqual([
    { mount: '/sys/fs/cgroup', version: 2, controllers: [] },
  ]);
});

test('hybrid', () => {
  const found = parseHierarchies(hybrid);
  expect(found.map(({ mount, version }) => [mount, version])).toEqual([
    ['/sys/fs/cgroup/unified', 2],
    ['/sys/fs/cgroup/systemd', 1],
    ['/sys/fs/cgroup/cpu,cpuacct', 1],
    ['/sys/fs/cgroup/memory', 1],
  ]);
  expect(found.find(({ controllers }) => controllers.includes('cpuacct'))?.mount).toBe(
    '/sys/fs/cgroup/cpu,cpuacct',
  );
});

test('none, and one mounted twice', () => {
  expect(parseHierarchies('')).toEqual([]);
  expect(parseHierarchies(unified + unified)).toHaveLength(1);
});

test('paths are absolute: not below the cgroup of this process', () => {
  expect(cgroupPath('x')).toBe('/cambium/x');
});
