// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of Dockerfiles
import { describe, expect, test } from 'vitest';
import { ExpansionError, expand } from '../../../../src/frontends/dockerfile/language/expand.ts';
import { expanded, refused, variables } from './expand.rows.ts';
import { modifiers, refusedModifiers } from './modifiers.rows.ts';

const lookIn = (set: Readonly<Record<string, string>>) => ({
  lookup: (name: string) => (Object.hasOwn(set, name) ? set[name] : undefined),
});

/** The row, and the row with other letters than ASCII at its start. */
function forms(text: string): string[] {
  return text.includes('he') && !text.includes('hello') ? [text, text.replace('he', '안녕')] : [text];
}

describe('words', () => {
  for (const [word, result] of expanded) {
    forms(word).forEach((form, index) => {
      const wanted =
        index === 0 ? result : result.replace(/^(['"]?)h(e|ello)/, (all) => all.replace('he', '안녕'));
      test(form, () => expect(expand(form, lookIn(variables)).text).toBe(wanted));
    });
  }
  for (const word of refused.flatMap(forms)) {
    test(`${word} is refused`, () => expect(() => expand(word, lookIn(variables))).toThrow(ExpansionError));
  }
});

describe('parameters of a shell are never set', () => {
  for (const name of ['1', '9', '999', '001', '@', '*', '#', '?', '-', '$', '!', '0']) {
    const rows: [string, string][] = [
      [`$${name}`, ''],
      [`\${${name}}`, ''],
      [`\${${name}:+bbb}`, ''],
      [`\${${name}:-bbb}`, 'bbb'],
      [`$${name}aaa`, 'aaa'],
      [`\${${name}:-bbb}aaa`, 'bbbaaa'],
    ];
    test.each(rows)('%s', (word, result) => expect(expand(word, lookIn(variables)).text).toBe(result));
  }
});

describe('modifiers', () => {
  test.each(modifiers)('$word with $set', ({ word, set, result, used, unset }) => {
    const got = expand(word, lookIn(set));
    expect(got.text).toBe(result);
    expect([...got.used].sort().join(' ')).toBe(used.split(' ').sort().join(' '));
    expect([...got.unset].sort().join(' ')).toBe(unset.split(' ').sort().join(' '));
  });
  test.each(refusedModifiers)('%s with %j is refused', (word, set) => {
    expect(() => expand(word, lookIn(set))).toThrow(ExpansionError);
  });

  test('a message of `?` is expanded and told', () => {
    const set = { EMPTY: '', ARG: 'x' };
    const message = (word: string) => () => expand(word, lookIn(set));
    expect(message('${EMPTY:?message here$ARG}')).toThrow('EMPTY: message herex');
    expect(message('${NONE?message here$ARG}')).toThrow('NONE: message herex');
    expect(expand('${EMPTY?message here$ARG}', lookIn(set)).text).toBe('');
  });

  test.each<[string, Readonly<Record<string, string>>, string, string]>([
    // All matches: a template, as the reference's library has it.
    ['${A//b/[$R]}', { A: 'abcb', R: '$0' }, 'a[b]c[b]', 'the match itself'],
    ['${A//b/x\\$\\$}', { A: 'abcb' }, 'ax\\$\\$cx\\$\\$', 'an escape stays'],
    ['${A//?/.}', { A: '👽🖖x' }, '...', 'a character is a code point'],
    ['${A%%?b*}', { A: 'xabab' }, 'x', 'the longest end'],
    ['${A%?b*}', { A: 'xabab' }, 'xab', 'the shortest end'],
    ['${A#*\\\\}', { A: 'C:\\temp' }, 'temp', 'a backslash'],
    ['${A##*/}', { A: 'a/b\nc/d' }, 'b\nc/d', 'wildcards stop at line ends'],
    ['${A//b*/-}', { A: 'abcb' }, 'a-', 'greedy'],
    ['${A///-}', { A: 'abc' }, '-a-b-c-', 'nothing matches everywhere'],
    ['${A//x*/-}', { A: 'axb' }, 'a-', 'no empty match behind a match'],
  ])('%s with %j is %s: %s', (word, set, result) => {
    expect(expand(word, lookIn(set)).text).toBe(result);
  });

  test.each(['${A#\\x}', '${A#\\a}', '${A/\\b/x}'])('%s has no escape', (word) => {
    expect(() => expand(word, lookIn({ A: 'a' }))).toThrow(ExpansionError);
  });
});

describe('split into words', () => {
  const set = { space: 'abc  def', leading: '  ab c', trailing: 'ab c   ' };
  test.each([
    ['hello', ['hello']],
    ['hello${hi}bye', ['hellobye']],
    ['hello${space}bye', ['helloabc', 'defbye']],
    ['hello"${space}"bye', ['helloabc  defbye']],
    ['hello "${space}"bye', ['hello', 'abc  defbye']],
    ['hello${leading}def', ['hello', 'ab', 'cdef']],
    ['hello"${leading}" def', ['hello  ab c', 'def']],
    ['hello"${leading}"', ['hello  ab c']],
    ['hello${leading}', ['hello', 'ab', 'c']],
    ['hello${trailing}', ['helloab', 'c']],
    ['hello${trailing}d', ['helloab', 'c', 'd']],
    ['hello"${trailing}"d', ['helloab c   d']],
    ['hel"lo${trailing}"', ['helloab c   ']],
    ['hello" there  "', ['hello there  ']],
    ['hello     there', ['hello', 'there']],
    ['hello\\ there', ['hello there']],
    ['hello\\" there', ['hello"', 'there']],
    ['hello"\\\\there"', ['hello\\there']],
    ['hello"\\there"', ['hello\\there']],
    ["hello'\\\\there'", ['hello\\\\there']],
    ["hello'\\there'", ['hello\\there']],
    ["hello'$there'", ['hello$there']],
    ['a << EOF b', ['a', '<< EOF', 'b']],
    ['80${PORT:-81} 90', ['8081', '90']],
  ] as const)('%s: %j', (word, words) => expect(expand(word, lookIn(set)).words).toEqual(words));

  test('an open quote is refused', () => expect(() => expand('hello" there')).toThrow(ExpansionError));
});

test('options: another escape token, quotes and unset variables kept, heredoc bodies', () => {
  expect(expand('a`$b\\c', { escape: '`' }).text).toBe('a$b\\c');
  expect(expand('"a" $b ${c:-d}', { keepQuotes: true, keepUnset: true }).text).toBe('"a" $b ${c:-d}');
  expect(expand(`it's "$a" \\$b`, { ignoreQuotes: true, ...lookIn({ a: '1' }) }).text).toBe(`it's "1" $b`);
});

test('deep nesting is refused, and long words take linear time', () => {
  expect(() => expand(`${'${a:-'.repeat(100_000)}${'}'.repeat(100_000)}`)).toThrow(ExpansionError);
  const start = process.cpuUsage();
  expect(expand('$a "b" \\c '.repeat(200_000)).text.length).toBe(1_000_000);
  expect(expand(`\${a#${'*x'.repeat(50)}}`, lookIn({ a: 'y'.repeat(20_000) })).text.length).toBe(20_000);
  expect(process.cpuUsage(start).user).toBeLessThan(5_000_000);
});
