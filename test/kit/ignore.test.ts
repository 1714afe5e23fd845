import { describe, expect, test } from 'vitest';
import { UserError } from '../../src/kit/errors.ts';
import { compileIgnore, type IgnoreMatch, notIgnored, parseIgnoreFile } from '../../src/kit/ignore.ts';
import { patterns, refused } from './ignore.rows.ts';

/** As a walk does it: each folder on the way to the path first. */
function isIgnored(path: string, list: readonly string[]): boolean {
  const matcher = compileIgnore(list);
  const names = path.split('/');
  let match: IgnoreMatch = notIgnored;
  names.forEach((name, index) => {
    if (name !== '') match = matcher.match(names.slice(0, index + 1).join('/'), match);
  });
  return match.ignored;
}

describe('one pattern', () => {
  for (const [pattern, { ignored, kept }] of Object.entries(patterns)) {
    for (const path of ignored.filter((one) => one !== '/')) {
      test(`${pattern} ignores ${path}`, () => expect(isIgnored(path, [pattern])).toBe(true));
    }
    for (const path of kept)
      test(`${pattern} keeps ${path}`, () => expect(isIgnored(path, [pattern])).toBe(false));
  }
});

test.each(refused)('%s is refused', (pattern) => {
  expect(() => compileIgnore([pattern])).toThrow(UserError);
});

test.each(Object.entries(patterns))('%s, asked without its folders', (pattern, { ignored, kept }) => {
  const matcher = compileIgnore([pattern]);
  for (const path of ignored) expect(matcher.match(path, notIgnored).ignored, path).toBe(true);
  for (const path of kept) expect(matcher.match(path, notIgnored).ignored, path).toBe(false);
});

describe('several patterns', () => {
  const wheel = 'dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl';
  test.each([
    ['util/docker/web/foo', ['**', '!util/docker/web'], false],
    ['util/docker/web/foo', ['**', '!util/docker/web', 'util/docker/web/foo'], true],
    [wheel, ['**', `!${wheel}`], false],
    [wheel, ['**', '!dist/*.whl'], false],
    ['fileutils.go', ['!fileutils.go', '*.go'], true],
    ['fileutils.go', ['*.go', '!fileutils.go'], false],
    ['docs/README.md', ['docs', '!docs/README.md'], false],
    ['docs/README.md', ['docs/', '!docs/README.md'], false],
    ['docs/README.md', ['docs/*', '!docs/README.md'], false],
    ['docs/README.md', ['docs', '  !docs/README.md  '], false],
    ['docs/other.md', ['docs', '!docs/README.md'], true],
    ['any/path/there', [], false],
    // An exception that had nothing to take back at the folder doesn't hold below it.
    ['a/b', ['a/b', '!a'], true],
  ] as const)('%s with %j: %j', (path, list, ignored) => expect(isIgnored(path, list)).toBe(ignored));

  test('empty patterns are none', () => expect(isIgnored('docs', ['', ' ', 'docs'])).toBe(true));
  test('an exception is told', () => {
    expect(compileIgnore(['docs', ' !docs/a ']).hasExceptions).toBe(true);
    expect(compileIgnore(['docs']).hasExceptions).toBe(false);
  });
});

test('an ignore file: comments, spaces, slashes, exceptions, a byte order mark, CRLF', () => {
  const lines = ['\ufefftest1', '/test2', '/a/file/here', '', 'lastfile', '# a comment', ' #no comment'];
  const more = ['! /inverted/abs/path', '!', '! ', 'dir/', 'a/../b//c', './x', '/'];
  expect(parseIgnoreFile([...lines, ...more].join('\r\n'))).toEqual([
    ...['test1', 'test2', 'a/file/here', 'lastfile', '#no comment', '!inverted/abs/path', '!', '!'],
    ...['dir', 'b/c', 'x', '/'],
  ]);
});

test('paths that are no UTF-8 match wildcards', () => {
  expect(isIgnored('dir/\udcff.txt', ['dir/?.txt'])).toBe(true);
  expect(isIgnored('dir/\udcff.txt', ['dir/*.txt'])).toBe(true);
  expect(isIgnored('a🎉b', ['a?b'])).toBe(true);
});
