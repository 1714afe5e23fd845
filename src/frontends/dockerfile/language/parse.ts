/**
 * Text of a Dockerfile → its instructions, not yet understood: lines joined where an escape token continues them,
 * comments and empty lines left out, heredoc bodies attached. Every part remembers where it stood.
 */
import { skipSpaces, trim, trimStart } from './characters.ts';
import { blame, blameAt } from './complain.ts';
import { readDirectives } from './directives.ts';
import { ExpansionError } from './expand.ts';
import { findHeredocs, type HeredocStart } from './heredoc.ts';
import { type RawInstruction, readJsonWords, type SplitText, splitText } from './raw.ts';
import type { Directives, EscapeToken, Heredoc, Location, Piece } from './types.ts';

export interface RawDockerfile {
  directives: Directives;
  escapeToken: EscapeToken;
  /** To be gone through once. */
  instructions: Iterable<RawInstruction>;
  /** Last lines of instructions that are continued over an empty line; those gone through so far. */
  emptyContinuations: readonly Location[];
}

/** Goes through a text's lines, whose ends stay on them. */
interface Lines {
  readonly text: string;
  at: number;
  /** Number of the line last read. */
  number: number;
}

/**
 * Parses a Dockerfile's text, one instruction at a time. Throws a UserError for an empty file and a wrong directive;
 * the instructions throw one for a heredoc that isn't closed.
 */
export function parseRaw(text: string, file: string): RawDockerfile {
  if (text === '') throw empty(file, 'The Dockerfile is empty.');
  const { directives, escapeToken, lineCount } = readDirectives(text, file);
  const emptyContinuations: Location[] = [];
  const lines: Lines = { text, at: 0, number: 0 };
  const context: Context = { lines, file, escapeToken, directiveCount: lineCount };
  return {
    directives,
    escapeToken,
    instructions: eachInstruction(context, emptyContinuations),
    emptyContinuations,
  };
}

interface Context {
  lines: Lines;
  file: string;
  escapeToken: EscapeToken;
  /** The first lines, which are directives and no comments. */
  directiveCount: number;
}

function* eachInstruction(context: Context, emptyContinuations: Location[]): Generator<RawInstruction, void> {
  const { lines, file } = context;
  let comments: string[] = [];
  let count = 0;
  for (let line = nextLine(lines); line !== undefined; line = nextLine(lines)) {
    if (isComment(line)) {
      const comment = trim(line.slice(1));
      if (comment === '') comments = [];
      else if (lines.number > context.directiveCount) comments.push(comment);
      continue;
    }
    const startLine = lines.number;
    const joined = joinLines(lines, line, context.escapeToken);
    if (joined === undefined) continue;
    if (joined.hasEmptyLine) {
      const { number } = lines;
      emptyContinuations.push({ file, line: number, column: 1, endLine: number });
    }
    count += 1;
    if (count > mostInstructions) throw tooMany(file, startLine);
    yield readInstruction(context, joined, startLine, comments.length === 0 ? noComments : comments);
    if (comments.length > 0) comments = [];
  }
  if (count === 0) throw empty(file, 'The Dockerfile has no instructions.');
}

/** Far more than an image can have layers; a file with more is none that a person wrote. */
const mostInstructions = 100_000;

function tooMany(file: string, line: number) {
  return blameAt({ file, line }, `The Dockerfile has more than ${mostInstructions} instructions.`);
}

function empty(file: string, message: string) {
  const hint = 'It needs at least a FROM.';
  return blameAt({ file }, message, { code: 'empty-dockerfile', hint });
}

function nextLine(lines: Lines): string | undefined {
  const { text, at } = lines;
  if (at >= text.length) return undefined;
  const end = text.indexOf('\n', at);
  lines.at = end < 0 ? text.length : end + 1;
  lines.number += 1;
  return text.slice(at, lines.at);
}

function isComment(line: string): boolean {
  return line[skipSpaces(line)] === '#';
}

/** A line's text without its end. */
function withoutEnd(line: string): string {
  let end = line.length;
  while (end > 0 && (line[end - 1] === '\n' || line[end - 1] === '\r')) end -= 1;
  return line.slice(0, end);
}

interface Joined {
  text: string;
  pieces: readonly Piece[];
  hasEmptyLine: boolean;
}

/** The instruction that starts with `first`, its continuations joined; undefined for an empty line. */
function joinLines(lines: Lines, first: string, escapeToken: EscapeToken): Joined | undefined {
  const bare = withoutEnd(first);
  const start = trimStart(bare);
  let { text, continues } = cutContinuation(start, escapeToken);
  if (!continues && text === '') return undefined;
  const parts = [text];
  const pieces: Piece[] = [{ offset: 0, line: lines.number, column: bare.length - start.length + 1 }];
  let length = text.length;
  let hasEmptyLine = false;
  while (continues) {
    const line = nextLine(lines);
    if (line === undefined) break;
    if (isComment(line)) continue;
    if (skipSpaces(line) === line.length) {
      hasEmptyLine = true;
      continue;
    }
    ({ text, continues } = cutContinuation(withoutEnd(line), escapeToken));
    pieces.push({ offset: length, line: lines.number, column: 1 });
    parts.push(text);
    length += text.length;
  }
  return { text: parts.join(''), pieces, hasEmptyLine };
}

/** Cuts the escape token at a line's end, spaces after it or not; an escaped escape token is none. */
function cutContinuation(line: string, escapeToken: EscapeToken): { text: string; continues: boolean } {
  let end = line.length;
  while (end > 0 && (line[end - 1] === ' ' || line[end - 1] === '\t')) end -= 1;
  const continues = line[end - 1] === escapeToken && line[end - 2] !== escapeToken;
  return { text: continues ? line.slice(0, end - 1) : line, continues };
}

function readInstruction(
  { lines, file, escapeToken }: Context,
  joined: Joined,
  line: number,
  comments: readonly string[],
): RawInstruction {
  const text = trim(joined.text);
  const shift = skipSpaces(joined.text);
  const pieces = shift === 0 ? joined.pieces : joined.pieces.map((piece) => shifted(piece, shift));
  const { keyword, flags, rest, restOffset } = splitText(text, escapeToken);
  const location: Location = { file, line, column: pieces[0]?.column ?? 1, endLine: lines.number };
  const raw = {
    keyword,
    text,
    location,
    comments,
    pieces,
    escapeToken,
    flags,
    rest,
    restOffset,
    heredocs: none,
  };
  if (!text.includes('<<') || !mayHoldHeredocs(raw, escapeToken)) return raw;
  const heredocs = readHeredocs(lines, raw);
  return { ...raw, location: { ...location, endLine: lines.number }, heredocs };
}

// Shared by the many instructions that have none, so never added to.
const none: readonly Heredoc[] = [];
const noComments: readonly string[] = [];

/** A piece of text whose first `shift` characters were cut. */
function shifted({ offset, line, column }: Piece, shift: number): Piece {
  const lost = Math.max(0, shift - offset);
  return { offset: Math.max(0, offset - shift), line, column: column + lost };
}

/** RUN, COPY and ADD in other than JSON form, and ONBUILD of those. */
function mayHoldHeredocs({ keyword, rest }: SplitText, escapeToken: EscapeToken): boolean {
  const name = keyword.toLowerCase();
  if (name === 'onbuild') {
    const trigger = splitText(rest, escapeToken);
    return trigger.keyword.toLowerCase() !== 'onbuild' && mayHoldHeredocs(trigger, escapeToken);
  }
  return (name === 'run' || name === 'copy' || name === 'add') && !Array.isArray(readJsonWords(rest));
}

function readHeredocs(lines: Lines, raw: Omit<RawInstruction, 'heredocs'>): Heredoc[] {
  let starts: HeredocStart[];
  try {
    starts = findHeredocs(raw.text);
  } catch (error) {
    if (!(error instanceof ExpansionError)) throw error;
    throw blame(raw, `The name of a heredoc can't be read: ${error.message}.`);
  }
  return starts.map((start) => {
    const line = lines.number + 1;
    return { ...start, line, content: readBody(lines, raw, start) };
  });
}

/** Lines up to one that is the heredoc's name. */
function readBody(lines: Lines, raw: Omit<RawInstruction, 'heredocs'>, start: HeredocStart): string {
  const from = lines.at;
  for (let end = from, line = nextLine(lines); line !== undefined; end = lines.at, line = nextLine(lines)) {
    const bare = withoutEnd(line);
    if ((start.chomp ? bare.replace(/^\t+/, '') : bare) === start.name) return lines.text.slice(from, end);
  }
  const hint = `End it by a line that holds ${start.name} alone${start.chomp ? '' : ', without spaces around it'}.`;
  const offset = raw.text.indexOf('<<');
  throw blame(raw, `The heredoc ${start.name} isn't closed.`, { offset, hint, code: 'unclosed-heredoc' });
}
