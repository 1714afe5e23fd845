/** Persisted settings: whatever a value holds, a shell that reads the file gets it. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { appendSettings, quotePersisted, shellQuote } from '../../src/frontends/stages/persisted.ts';

test.each([
  ['k=v', "k='v'"],
  ['k=', "k=''"],
  ['k=two words', "k='two words'"],
  ['k=$(id) `id` $HOME; id', "k='$(id) `id` $HOME; id'"],
  ["k=it's", "k='it'\\''s'"],
  ["k='quoted already'", "k='quoted already'"],
  ["k='a'\\''b'", "k='a'\\''b'"],
  ["k='ends in \\'", "k='ends in \\'"],
  ["k='two\nlines'\nl=x y", "k='two\nlines'\nl='x y'"],
  ["k=$'a\\'b'", "k=$'a\\'b'"],
  ['k="with space" and more', 'k=\'"with space" and more\''],
  ['k=(a "b c")', 'k=(a "b c")'],
  ['# a comment', '# a comment'],
  ['export k=v w', 'export k=v w'],
])('%s', (line, quoted) => {
  expect(quotePersisted(`${line}\n`)).toBe(`${quoted}\n`);
  expect(quotePersisted(line)).toBe(`${quoted}\n`);
});

test('any text survives quoting, and quoting again changes nothing', () => {
  const text = fc.string({ unit: fc.constantFrom(...'ab \'"\\$`\n\t;#=(){}*ü') });
  fc.assert(
    fc.property(text, text, (a, b) => {
      const file = appendSettings('', { a, b });
      expect(quotePersisted(file)).toBe(file);
      expect(file).toBe(`a=${shellQuote(a)}\nb=${shellQuote(b)}\n`);
    }),
  );
  fc.assert(
    fc.property(text, (value) => {
      const script = `${appendSettings('', { value })}printf %s "$value"`;
      expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' })).toBe(value);
    }),
    { numRuns: 50 },
  );
});
