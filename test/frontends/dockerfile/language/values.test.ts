import { describe, expect, test } from 'vitest';
import {
  formatPlatform,
  normalPlatform,
  parsePlatform,
  samePlatform,
} from '../../../../src/frontends/dockerfile/language/platform.ts';
import { readPorts } from '../../../../src/frontends/dockerfile/language/ports.ts';
import { readDurationNs, readFields } from '../../../../src/frontends/dockerfile/language/values.ts';
import { readSizeBytes } from '../../../../src/kit/amounts.ts';
import { parseChmod } from '../../../../src/kit/chmod.ts';

test.each<[string, number | undefined]>([
  ['0', 0],
  ['1s', 1e9],
  ['-1s', -1e9],
  ['1.5h', 5.4e12],
  ['1m2s3ms4us5ns', 62_003_004_005],
  ['.5s', 5e8],
  ['1.s', 1e9],
  ['1µs', 1000],
  ['0.0000000001s', 0],
  ['+3m', 18e10],
  ['1', undefined],
  ['', undefined],
  ['s', undefined],
  ['1 s', undefined],
  ['1x', undefined],
  ['1s2', undefined],
  ['.s', undefined],
  ['9999999h', undefined],
  [`${'9'.repeat(9999)}h`, undefined],
])('duration %s', (text, result) => expect(readDurationNs(text)).toBe(result));

test.each<[string, number | undefined]>([
  ['1', 1],
  ['1b', 1],
  ['2k', 2048],
  ['2KB', 2048],
  ['2KiB', 2048],
  ['1.5m', 1572864],
  ['1 g', 1073741824],
  ['x', undefined],
  ['', undefined],
  ['-1', undefined],
  ['1kk', undefined],
])('size %s', (text, result) => expect(readSizeBytes(text)).toBe(result));

test.each<[string, string[] | undefined]>([
  ['a,b', ['a', 'b']],
  ['a', ['a']],
  ['a,,', ['a', '', '']],
  ['"a,b",c', ['a,b', 'c']],
  ['"a""b"', ['a"b']],
  ['"a', undefined],
  ['a"b', undefined],
  ['"a"b', undefined],
])('fields %s', (text, result) => expect(readFields(text)).toEqual(result));

describe('chmod', () => {
  // Mode before, change, mode after; folders are marked.
  test.each<[number, string, number, 'folder'?]>([
    [0o777, '=', 0],
    [0o777, '+', 0o777],
    [0o421, '-', 0o421],
    [0o421, '+t', 0o1421],
    [0o1421, '-t', 0o421],
    [0, 'u+r', 0o400],
    [0, 'u+w', 0o200],
    [0, 'u+x', 0o100],
    [0, 'u+X', 0],
    [0o001, 'u+X', 0o101],
    [0, 'u+X', 0o100, 'folder'],
    [0, 'u+s', 0o4000],
    [0, 'g+r', 0o040],
    [0, 'g+s', 0o2000],
    [0, 'g+X', 0o010, 'folder'],
    [0, 'o+r', 0o004],
    [0o100, 'o+X', 0o101],
    [0, 'o+s', 0],
    [0, '0421', 0o421],
    [0, '07421', 0o7421],
    [0, '+r', 0o444],
    [0, '+w', 0o222],
    [0, '+X', 0],
    [0o010, '+X', 0o111],
    [0, '+s', 0o6000],
    [0o777, '-r', 0o333],
    [0o644, 'u=rwx,go=rx', 0o755],
    [0o640, 'go=u-w', 0o644],
    [0o754, 'o=g', 0o755],
    [0o750, 'g-u', 0o700],
    [0o600, '=rw,+X', 0o666],
    [0o700, '=rw,+X', 0o777],
    [0o755, 'a-x', 0o644],
    [0o755, 'go=', 0o700],
    [0o000, 'u+rw-r', 0o200],
    [0o640, 'u=g', 0o440],
    [0o4755, 'u=rwx', 0o755],
    [0o4755, '755', 0o755],
  ])('%o %s: %o %s', (before, change, after, kind) => {
    expect(parseChmod(change)?.(before, kind === 'folder')).toBe(after);
  });
  test.each(['', ',', 'q+r', '017777', '9', '08', 'z', 'u', 'go', 'u+x,', 'u+y', '+r,q'])(
    '%j is none',
    (text) => {
      expect(parseChmod(text)).toBeUndefined();
    },
  );
});

describe('ports', () => {
  test.each<[string, string[]]>([
    ['80', ['80/tcp']],
    ['80/UDP', ['80/udp']],
    ['80-82/sctp', ['80/sctp', '81/sctp', '82/sctp']],
    ['80/', ['80/tcp']],
    ['0.0.0.0:1234-1235:3333-3334/tcp', ['3333/tcp', '3334/tcp']],
    ['[2001:4860:0:2001::68]::333', ['333/tcp']],
    ['[::1]:80:80', ['80/tcp']],
    ['2001:4860:0:2001::68::333', ['333/tcp']],
    ['::1:80:80', ['80/tcp']],
    ['::::80', ['80/tcp']],
    ['1-2:80', ['80/tcp']],
  ])('%s', (word, ports) => expect(readPorts(word)).toMatchObject({ ports }));
  test.each([
    '',
    '0.0.0.0:1234-1235:/tcp',
    '0.0.0.0:1234-1235:',
    'localhost:1234:1234/tcp',
    '80/http',
    'x',
    '80-79',
    '65536',
    '80-',
    '1-2:80-83',
    '-1',
    'x:80',
    '80:80/udp/tcp',
  ])('%j is none', (word) => expect(readPorts(word)).toHaveProperty('wrong'));
});

describe('platforms', () => {
  const native = { os: 'linux', architecture: 'amd64' };
  test.each([
    ['linux/amd64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['linux/arm64', 'linux/arm64'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64/v8'],
    ['linux/arm/v7', 'linux/arm/v7'],
    ['linux/arm', 'linux/arm'],
    ['linux/armhf', 'linux/arm'],
    ['linux/armel', 'linux/arm/v6'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['arm64', 'linux/arm64'],
    ['linux', 'linux/amd64'],
    ['Linux/AMD64', 'linux/amd64'],
    ['macos/arm64', 'darwin/arm64'],
    ['windows(10.0.1)/amd64', 'windows/amd64'],
    ['i386', 'linux/386'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
  ])('%s is %s', (text, result) => {
    const platform = parsePlatform(text, native);
    expect(platform && formatPlatform(platform)).toBe(result);
  });
  test.each(['', 'nope', 'linux/', 'linux/a/b/c', 'linux/*', '/amd64', 'li nux/amd64'])(
    '%j is none',
    (text) => {
      expect(parsePlatform(text, native)).toBeUndefined();
    },
  );
  test('one platform, written in several ways', () => {
    const arm = { os: 'linux', architecture: 'arm' };
    expect(normalPlatform(arm)).toEqual({ ...arm, variant: 'v7' });
    expect(samePlatform(arm, { ...arm, variant: 'v7' })).toBe(true);
    expect(
      samePlatform({ ...arm, architecture: 'arm64', variant: 'v8' }, { ...arm, architecture: 'aarch64' }),
    ).toBe(true);
    expect(samePlatform(arm, { ...arm, variant: 'v6' })).toBe(false);
  });
});
