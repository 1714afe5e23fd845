/** What registries and settings write, read. */
import { describe, expect, test } from 'vitest';
import { parseReference } from '../../../src/images/references.ts';
import { parseChallenges } from '../../../src/images/registry/challenge.ts';
import { ownEndpoint } from '../../../src/images/registry/endpoint.ts';
import { proxyFor } from '../../../src/images/registry/proxy.ts';
import { ruleFor } from '../../../src/images/registry/settings.ts';
import { parseTables } from '../../../src/images/registry/toml.ts';

test.each([
  ['', []],
  ['Basic realm="a, b"', [['basic', { realm: 'a, b' }]]],
  [
    'Bearer realm="https://x/token",service="s\\"q",scope="repository:a:pull,push"',
    [['bearer', { realm: 'https://x/token', service: 's"q', scope: 'repository:a:pull,push' }]],
  ],
  [
    'Negotiate, Basic realm=x, Bearer Realm = "y"',
    [
      ['negotiate', {}],
      ['basic', { realm: 'x' }],
      ['bearer', { realm: 'y' }],
    ],
  ],
  ['"""', []],
])('challenges of %j', (header, expected) => {
  expect(
    parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]),
  ).toEqual(expected);
});

test.each([
  ['localhost:5000/app', ['http', 'https']],
  ['LOCALHOST:5000/app', ['http', 'https']],
  ['127.1.2.3:5000/app', ['http', 'https']],
  ['registry.test/app', ['https']],
])('the schemes of %s', (name, schemes) => {
  expect(ownEndpoint(parseReference(name)).schemes).toEqual(schemes);
});

describe('the proxy for a URL', () => {
  const env = { HTTPS_PROXY: 'http://p:1', http_proxy: 'q:2', NO_PROXY: 'a.test, .b.test,c.test:444' };
  test.each([
    ['https://x.test/', 'p:1'],
    ['http://x.test/', 'q:2'],
    ['https://a.test/', undefined],
    ['https://sub.a.test/', undefined],
    ['https://nota.test/', 'p:1'],
    ['https://b.test/', undefined],
    ['https://c.test/', 'p:1'],
    ['https://c.test:444/', undefined],
    ['http://localhost:5000/', undefined],
    ['http://127.3.2.1/', undefined],
    ['http://[::1]/', undefined],
    ['http://127.example.com/', 'q:2'],
  ])('%s', (url, expected) => {
    expect(proxyFor(new URL(url), env)?.url.host).toBe(expected);
  });
  test('nonsense is told', () => {
    expect(() => proxyFor(new URL('https://x/'), { HTTPS_PROXY: 'socks5://x' })).toThrow(/socks5/);
  });
});

test('tables of registries.conf', () => {
  const text = `short = "enforcing" # "not" this
list = [
  "a#b", # first
  'c',
]
[aliases]
"debian" = "docker.io/library/debian"
[[registry]]
insecure = true
location = "x.test"
[[registry.mirror]]
location = 'y.test:5000'`;
  expect(
    parseTables(text).map(({ name, isListed, values }) => [name, isListed, Object.fromEntries(values)]),
  ).toEqual([
    ['', false, { short: 'enforcing', list: ['a#b', 'c'] }],
    ['aliases', false, { debian: 'docker.io/library/debian' }],
    ['registry', true, { insecure: true, location: 'x.test' }],
    ['registry.mirror', true, { location: 'y.test:5000' }],
  ]);
});

test('the rule with the longest prefix counts, and only whole parts', () => {
  const rules = [
    'docker.io',
    'docker.io/lib',
    'docker.io/library',
    '*.example.com',
    'a.example.com:5000',
  ].map((prefix) => ({
    ...{ prefix, location: prefix, insecure: false, blocked: false, mirrors: [] },
  }));
  const find = (name: string) => ruleFor(rules, name)?.prefix;
  expect(find('docker.io/library/debian')).toBe('docker.io/library');
  expect(find('docker.io/other/x')).toBe('docker.io');
  expect(find('b.example.com/x')).toBe('*.example.com');
  expect(find('a.example.com:5000/x')).toBe('a.example.com:5000');
  expect(find('example.com/x')).toBeUndefined();
});
