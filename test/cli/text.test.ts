import { describe, expect, test } from 'vitest';
import {
  cleanLine,
  cut,
  displayWidth,
  formatAge,
  formatBytes,
  formatDuration,
  formatTable,
  lineSplitter,
  pad,
} from '../../src/cli/text.ts';

describe('widths', () => {
  test.each([
    ['plain', 5],
    ['日本語', 6],
    ['e\u0301', 1],
    ['\x1b[31mred\x1b[0m', 3],
    ['✔ ok', 4],
  ])('%j takes %i columns', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });

  test('a cut text fits, and says that something is gone', () => {
    expect(cut('packages', 8)).toBe('packages');
    expect(cut('packages', 5)).toBe('pack…');
    expect(cut('日本語', 4)).toBe('日…');
    expect(displayWidth(cut('日本語', 4))).toBeLessThanOrEqual(4);
    expect(cut('x', 0)).toBe('');
  });

  test('padding counts columns, not characters', () => {
    expect(pad('日', 4)).toBe('日  ');
  });
});

test('escape sequences and control characters of a program never reach the terminal', () => {
  expect(cleanLine('\x1b[2J\x1b]0;title\x07a\tb\x00\x1b[31mc')).toBe('a    bc');
});

test.each([
  [0, '0.0s'],
  [59_940, '59.9s'],
  [59_990, '1m 00s'],
  [185_000, '3m 05s'],
  [7_620_000, '2h 07m'],
])('%i ms are %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [1_048_575, '1.0 MiB'],
  [2 ** 31, '2.0 GiB'],
])('%i bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test('ages', () => {
  expect(formatAge(5_000)).toBe('just now');
  expect(formatAge(60_000)).toBe('1 minute ago');
  expect(formatAge(3 * 86_400_000 + 5)).toBe('3 days ago');
});

test('a table has no space at the ends of lines', () => {
  expect(
    formatTable([
      ['A', 'B'],
      ['long', ''],
      ['日本', 'x'],
    ]),
  ).toBe('A     B\nlong\n日本  x\n');
});

test('lines are put together from pieces, and a carriage return writes over', () => {
  const lines: string[] = [];
  const splitter = lineSplitter((line) => lines.push(line));
  for (const piece of ['on', 'e\ntwo\r', '\n10%\r20%\r30%\n', 'rest']) splitter.push(piece);
  expect(lines).toEqual(['one', 'two', '30%']);
  splitter.end();
  splitter.end();
  expect(lines).toEqual(['one', 'two', '30%', 'rest']);
});

test('a line without an end is not kept in memory for ever', () => {
  let characters = 0;
  const splitter = lineSplitter((line) => {
    characters += line.length;
  });
  for (let i = 0; i < 100; i++) splitter.push('x'.repeat(1024));
  expect(characters).toBeGreaterThan(60_000);
});
