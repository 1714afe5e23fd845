/** How text fits a terminal: widths, cutting, cleaning of what programs print; numbers in words for people. */
import { shownName } from '../kit/names.ts';

export { formatBytes } from '../kit/amounts.ts';

/** ANSI escape sequences: CSI, OSC (ended by BEL or ST), and two-character ones. */
const ansi = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g;
const control = /[\x00-\x1f\x7f-\x9f]/g;
const plainAscii = /^[\x20-\x7e]*$/;

/** Text without colours and other escape sequences. */
function stripAnsi(text: string): string {
  return text.includes('\x1b') ? text.replace(ansi, '') : text;
}

/** One line of a program's output as it is safe to show: no escape sequences, no control characters, tabs as spaces. */
export function cleanLine(line: string): string {
  if (plainAscii.test(line)) return line;
  return stripAnsi(line).replaceAll('\t', '    ').replace(control, '');
}

/** Columns that one code point takes: 0 for combining marks, 2 for East Asian wide ones and emoji. */
function columnsOf(codePoint: number): number {
  if (codePoint < 0x300) return 1;
  if (/\p{Mn}|\p{Me}|\p{Cf}/u.test(String.fromCodePoint(codePoint))) return 0;
  const wide =
    (codePoint >= 0x1100 && codePoint <= 0x115f) ||
    (codePoint >= 0x2e80 && codePoint <= 0xa4cf && codePoint !== 0x303f) ||
    (codePoint >= 0xac00 && codePoint <= 0xd7a3) ||
    (codePoint >= 0xf900 && codePoint <= 0xfaff) ||
    (codePoint >= 0xfe30 && codePoint <= 0xfe6f) ||
    (codePoint >= 0xff00 && codePoint <= 0xff60) ||
    (codePoint >= 0xffe0 && codePoint <= 0xffe6) ||
    (codePoint >= 0x1f300 && codePoint <= 0x1f64f) ||
    (codePoint >= 0x1f900 && codePoint <= 0x1f9ff) ||
    (codePoint >= 0x20000 && codePoint <= 0x3fffd);
  return wide ? 2 : 1;
}

/** Columns that the text takes on a terminal; escape sequences take none. */
export function displayWidth(text: string): number {
  if (plainAscii.test(text)) return text.length;
  let width = 0;
  for (const character of stripAnsi(text)) width += columnsOf(character.codePointAt(0) as number);
  return width;
}

/** The text, cut to at most `width` columns, with `…` where something is gone. Takes text without escape sequences. */
export function cut(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const character of text) {
    const columns = columnsOf(character.codePointAt(0) as number);
    if (used + columns > width - 1) break;
    kept += character;
    used += columns;
  }
  return width > 0 ? `${kept.trimEnd()}…` : '';
}

/** The text, filled with spaces to `width` columns. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

/** A duration as people say it: `0.2s`, `14.2s`, `3m 05s`, `2h 07m`. */
export function formatDuration(ms: number): string {
  const tenths = Math.round(Math.max(0, ms) / 100);
  if (tenths < 600) return `${(tenths / 10).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h ${two(Math.floor((seconds % 3600) / 60))}m`;
}

/** How long ago, as people say it: `just now`, `5 minutes ago`, `3 days ago`. */
export function formatAge(ms: number): string {
  const steps: [number, string][] = [
    [86_400_000, 'day'],
    [3_600_000, 'hour'],
    [60_000, 'minute'],
  ];
  for (const [size, name] of steps) {
    if (ms >= size) return `${plural(Math.floor(ms / size), name)} ago`;
  }
  return 'just now';
}

/** `1 step`, `2 steps`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Names of files may hold anything: line breaks are shown as such, so that a row stays a line. Colours stay. */
function inOneLine(cell: string): string {
  return cell.replace(/[\n\r\t]/g, (at) => ({ '\n': '\\n', '\r': '\\r' })[at] ?? '\\t');
}

/** Rows as columns with two spaces between; no space at a line's end. */
export function formatTable(given: readonly (readonly string[])[]): string {
  const rows = given.map((row) => row.map(inOneLine));
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell));
    });
  }
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => pad(cell, widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** Text from many pieces, given on line by line; `end` gives what is left without a newline. */
export interface LineSplitter {
  push(text: string): void;
  end(): void;
}

/** Longest line that is held back while its end has not come. */
const longestLine = 64 * 1024;

/** Splits pieces of output at newlines. What a program wrote over with a bare carriage return is gone, as on a terminal. */
export function lineSplitter(onLine: (line: string) => void): LineSplitter {
  let rest = '';
  const emit = (line: string) => {
    const trimmed = line.endsWith('\r') ? line.slice(0, -1) : line;
    onLine(trimmed.slice(trimmed.lastIndexOf('\r') + 1));
  };
  return {
    push(text) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) emit(line);
      if (rest.length > longestLine) {
        emit(rest);
        rest = '';
      }
    },
    end() {
      if (rest !== '') emit(rest);
      rest = '';
    },
  };
}

/** A step's title as it stands beside its stage's name, in one line: what repeats the name is left out. */
export function titleBeside(stage: string, given: string): string {
  const title = shownName(given);
  if (title === stage) return '';
  const rest = title.startsWith(`${stage} `) ? title.slice(stage.length + 1) : title;
  return /^\(.*\)$/.test(rest) ? rest.slice(1, -1) : rest;
}

/** A word as a shell takes it, in one line whatever is in it: commands that a person is told to type. */
export function shellWord(word: string): string {
  if (/^[\w./~+@%,:=-]+$/.test(word)) return word;
  if (!/[\x00-\x1f\x7f]/.test(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  return `$'${shownName(word.replaceAll('\\', '\\\\').replaceAll("'", "\\'"))}'`;
}
