import { describe, expect, test } from 'vitest';
import { parseOutput, parseOutputs } from '../../src/cli/outputs.ts';
import {
  parseChoice,
  parseCount,
  parseCpus,
  parseDuration,
  parseMemory,
  parseNetwork,
  parsePairs,
  parsePlatform,
  parseSize,
  parseSourceDateEpoch,
} from '../../src/cli/values.ts';
import { UserError } from '../../src/kit/errors.ts';

function errorOf(body: () => unknown): UserError {
  try {
    body();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

test.each([
  ['512m', 512 * 2 ** 20],
  ['2g', 2 * 2 ** 30],
  ['2GiB', 2 * 2 ** 30],
  ['1.5k', 1536],
  ['100', 100],
  ['100b', 100],
])('the size %s is %i bytes', (text, bytes) => {
  expect(parseSize('--shm-size', text)).toBe(bytes);
});

test.each(['', 'g', '-1m', '0', '12q', '1e3', '0x10', '5m', '2048'])('--memory %j is wrong use', (text) => {
  expect(errorOf(() => parseMemory('--memory', text))).toMatchObject({ code: 'bad-value', exitCode: 2 });
});

test('numbers', () => {
  expect(parseCount('--pids', '12')).toBe(12);
  expect(parseCpus('--cpus', '.5')).toBe(0.5);
  for (const bad of ['0', '1.5', 'x', '-1', ''])
    expect(errorOf(() => parseCount('--pids', bad)).exitCode).toBe(2);
  for (const bad of ['0', '1e1', 'x', '-1', ''])
    expect(errorOf(() => parseCpus('--cpus', bad)).exitCode).toBe(2);
});

test.each([
  ['90s', 90_000],
  ['1h30m', 5_400_000],
  ['7d', 604_800_000],
])('%s lasts %i ms', (text, ms) => {
  expect(parseDuration('--timeout', text)).toBe(ms);
});

test('a duration without a unit is wrong use', () => {
  expect(errorOf(() => parseDuration('--timeout', '90')).message).toContain('90s');
});

test('pairs: the value may hold =, the last one wins', () => {
  expect(parsePairs('--set', ['a=1', 'b=x=y', 'a=2', 'c='])).toEqual({ a: '2', b: 'x=y', c: '' });
  expect(errorOf(() => parsePairs('--set', ['novalue'])).message).toContain('NAME=VALUE');
  expect(errorOf(() => parsePairs('--set', ['=x'])).exitCode).toBe(2);
});

test('a word nearly right is told', () => {
  expect(errorOf(() => parseChoice('--progress', 'plian', ['tty', 'plain'])).hint).toBe(
    'Did you mean `plain`?',
  );
  expect(parseNetwork('--network', 'default')).toBe('nat');
});

test('only the own platform is taken', () => {
  const own = process.arch === 'x64' ? 'amd64' : process.arch;
  expect(parsePlatform('--platform', `linux/${own}`)).toEqual({ os: 'linux', architecture: own });
  expect(errorOf(() => parsePlatform('--platform', 'windows/amd64')).code).toBe('foreign-platform');
  expect(errorOf(() => parsePlatform('--platform', 'linux/s390x')).hint).toContain(own);
});

test('SOURCE_DATE_EPOCH', () => {
  expect(parseSourceDateEpoch(undefined)).toBeUndefined();
  expect(parseSourceDateEpoch('0')).toBe(0);
  expect(errorOf(() => parseSourceDateEpoch('yesterday')).exitCode).toBe(2);
});

describe('-o', () => {
  test.each([
    ['out', { type: 'local', dest: '/here/out', tar: false }],
    ['-', { type: 'tar', dest: '-', tar: true }],
    ['type=oci,dest=a.tar', { type: 'oci', dest: '/here/a.tar', tar: true }],
    ['type=oci,dest=a/', { type: 'oci', dest: '/here/a/', tar: false }],
    ['type=oci,dest=a,tar=false', { type: 'oci', dest: '/here/a', tar: false }],
    ['dest=/abs/x.tar,TYPE=docker', { type: 'docker', dest: '/abs/x.tar', tar: true }],
    ['type=docker', { type: 'docker', tar: true }],
    ['type=docker,dest=-', { type: 'docker', dest: '-', tar: true }],
    ['type=tar,"dest=a,b.tar"', { type: 'tar', dest: '/here/a,b.tar', tar: true }],
    ['"type=local","dest=say ""hi"""', { type: 'local', dest: '/here/say "hi"', tar: false }],
    ['type=docker,dest=x.tar,"name=a:1,b:2"', { type: 'docker', names: ['a:1', 'b:2'] }],
  ])('%s', (text, expected) => {
    expect(parseOutput(text, '/here')).toMatchObject(expected);
  });

  test.each([
    ['type=qcow3,dest=x', 'type'],
    ['dest=x', 'no type'],
    ['type=oci', 'no dest'],
    ['type=local,dest=-', 'standard output'],
    ['type=oci,dest', 'key=value'],
    ['type=oci,dst=x', '-o field'],
    ['type=oci,"dest=x', 'quote'],
    ['type=oci,dest=x,tar=maybe', '-o tar'],
  ])('%s is wrong use', (text, part) => {
    const error = errorOf(() => parseOutput(text, '/here'));
    expect(error.exitCode).toBe(2);
    expect(error.message).toContain(part);
  });

  test('two outputs to one place are wrong use', () => {
    expect(errorOf(() => parseOutputs(['-', 'type=oci,dest=-'], '/')).message).toContain('standard output');
  });
});
