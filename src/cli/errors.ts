/**
 * How an error is told. `formatError` puts together what a person reads: the sentence, the place in the build file
 * with an excerpt and a caret, the hint. Programs that read `--progress json` get the same facts as one object.
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { ExitCode, explainSystemError, type SourceLocation, UserError } from '../kit/errors.ts';
import { errorOfGuest } from '../kit/guests.ts';
import { rememberedText } from '../kit/shown-texts.ts';
import { hideLogins } from '../kit/url-logins.ts';
import type { Colors } from './io.ts';
import { cut, displayWidth } from './text.ts';

const reportHint = 'This is a bug of Cambium: please report it, with what CAMBIUM_DEBUG=1 shows.';

/** An error as a person can act on it; everything unforeseen becomes "internal error". */
export function asUserError(error: unknown): UserError {
  const first = firstOf(error);
  const explained = errorOfGuest(first) ?? explainSystemError(first, 'running this command');
  if (explained instanceof UserError) return explained;
  const text = error instanceof Error ? error.message : String(error);
  return new UserError({
    code: 'internal-error',
    message: `Internal error: ${text.split('\n')[0]}`,
    hint: reportHint,
    exitCode: ExitCode.outside,
    cause: error,
  });
}

/** What went wrong first, where cleaning up after it failed too (`using`). */
function firstOf(error: unknown): unknown {
  let first = error;
  while (first instanceof Error && first.name === 'SuppressedError' && 'suppressed' in first)
    first = first.suppressed;
  return first;
}

/** The error in lines for a terminal of `columns`, each ended by a newline. */
export function formatError(error: UserError, colors: Colors, columns = 80): string {
  const lines = [`${colors.red(colors.bold('error:'))} ${withoutControls(error.message)}`];
  if (error.location) lines.push(...formatLocation(error.location, colors, columns));
  if (error.hint) lines.push(`${colors.cyan('hint:')} ${withoutControls(error.hint)}`);
  return `${lines.join('\n')}\n`;
}

/** Names of files and what servers say may hold anything: no terminal obeys it. Line breaks are ours. */
function withoutControls(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '?');
}

/** The error as one line of JSON, in the form of the other events. */
export function errorToJson(error: UserError): string {
  const { code, message, hint, exitCode, location } = error;
  return `${JSON.stringify({ type: 'error', at: Date.now(), code, message, hint, exitCode, location })}\n`;
}

/** What CAMBIUM_DEBUG=1 adds: the stack and those of all causes. */
export function formatStack(error: unknown): string {
  const parts: string[] = [];
  for (let current = error; current !== undefined; ) {
    parts.push(current instanceof Error ? (current.stack ?? current.message) : String(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return `${parts.join('\ncaused by: ')}\n`;
}

/** Lines of a range that are shown at most. */
const longestExcerpt = 6;

/** `--> file:line:column` and the lines there, the column marked by a caret, a range by a bar before its lines. */
export function formatLocation(location: SourceLocation, colors: Colors, columns = 80): string[] {
  const { line, column, endLine } = location;
  const place = [shortPath(location.file), line, column].filter((part) => part !== undefined).join(':');
  const lines = [`  ${colors.blue('-->')} ${place}`];
  const source = line === undefined ? undefined : readLines(location.file);
  if (line === undefined || source?.[line - 1] === undefined) return lines;

  const last = Math.min(endLine ?? line, line + longestExcerpt - 1, source.length);
  const gutter = String(last).length;
  const room = Math.max(20, columns - gutter - 4);
  const bar = colors.blue('|');
  lines.push(`${' '.repeat(gutter)} ${bar}`);
  for (let number = line; number <= last; number++) {
    const text = showTabs(source[number - 1] ?? '');
    const shift = number === line ? shiftFor(text, column, room) : 0;
    lines.push(
      `${colors.blue(String(number).padStart(gutter))} ${bar} ${cut(text.slice(shift), room)}`.trimEnd(),
    );
    if (number === line && last === line) {
      const caret = caretFor(text, column, shift, room);
      lines.push(`${' '.repeat(gutter)} ${bar} ${caret.space}${colors.red(caret.mark)}`);
    }
  }
  return lines;
}

function readLines(file: string): string[] | undefined {
  try {
    return hideLogins(rememberedText(file) ?? readFileSync(file, 'utf8')).split(/\r?\n/);
  } catch {
    // The file is gone: its name and line must do.
    return undefined;
  }
}

/** A tab is one column of the file: shown as one space, so that the caret stays below its place. */
function showTabs(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]/g, ' ');
}

/** Characters to leave out at a long line's start, so that the column can be seen. */
function shiftFor(text: string, column: number | undefined, room: number): number {
  if (column === undefined || column <= room - 8) return 0;
  return Math.max(0, Math.min(column - Math.floor(room / 2), text.length - room));
}

/** The caret at the column; without one, a caret under all of the line's text. */
function caretFor(text: string, column: number | undefined, shift: number, room: number) {
  if (column !== undefined) {
    return { space: ' '.repeat(displayWidth(text.slice(shift, column - 1))), mark: '^' };
  }
  const indent = text.length - text.trimStart().length;
  const width = displayWidth(cut(text.trim(), room - indent));
  return { space: ' '.repeat(indent), mark: '^'.repeat(Math.max(1, width)) };
}

/** The path as seen from where the person is, when that is shorter. */
export function shortPath(path: string): string {
  if (!path.startsWith('/')) return path;
  const near = relative(process.cwd(), path);
  return near !== '' && near.length < path.length ? near : path;
}
