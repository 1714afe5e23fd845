/**
 * Patterns of ignore files, with the semantics of moby/patternmatcher: `*` and `?` stop at `/`, `**` doesn't, a
 * pattern that matches a folder holds for all below it, `!` takes back, and the last pattern that matches decides.
 */
import { wrongUse } from './errors.ts';

export interface IgnoreMatcher {
  /** Whether something below an ignored folder may be taken back, so that the folder must be walked. */
  hasExceptions: boolean;
  /** Which patterns hold for `path`, given those that hold for its folder (`notIgnored`: not known). */
  match(path: string, parent: IgnoreMatch): IgnoreMatch;
}

export interface IgnoreMatch {
  ignored: boolean;
  /** One flag a pattern. */
  matched: readonly boolean[];
}

/** What holds for the root, and for a path whose folders weren't asked about. */
export const notIgnored: IgnoreMatch = { ignored: false, matched: [] };

/** Patterns of an ignore file's text: comments and empty lines left out, paths cleaned, `/` at their start cut. */
export function parseIgnoreFile(text: string): string[] {
  return text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const isException = line.startsWith('!');
      const path = (isException ? line.slice(1) : line).trim();
      const clean = path === '' ? '' : cleanPath(path);
      return (isException ? '!' : '') + (clean.length > 1 && clean.startsWith('/') ? clean.slice(1) : clean);
    });
}

/** Throws a UserError for a pattern that can't be read. */
export function compileIgnore(patterns: readonly string[]): IgnoreMatcher {
  const compiled = patterns.map(knownPattern).filter((pattern) => pattern !== undefined);
  return {
    hasExceptions: compiled.some((pattern) => pattern.isException),
    match(path, parent) {
      let ignored = false;
      const matched = compiled.map((pattern, index) => {
        // A pattern that could change nothing here isn't tried, and so doesn't hold for what is below either.
        const matches =
          parent.matched[index] || (pattern.isException === ignored && holds(pattern, path, parent));
        if (matches) ignored = !pattern.isException;
        return matches;
      });
      return { ignored, matched };
    },
  };
}

/** Below a folder that nothing is known of, each folder on the way is tried too. */
function holds(pattern: CompiledPattern, path: string, parent: IgnoreMatch): boolean {
  if (pattern.test(path)) return true;
  if (parent.matched.length > 0) return false;
  for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
    if (pattern.test(path.slice(0, end))) return true;
  }
  return false;
}

interface CompiledPattern {
  isException: boolean;
  test: (path: string) => boolean;
}

/** The stages of a spec leave out the same names, each in its own folder. */
const known = new Map<string, CompiledPattern | undefined>();

function knownPattern(text: string): CompiledPattern | undefined {
  if (!known.has(text)) known.set(text, compilePattern(text));
  return known.get(text);
}

function compilePattern(text: string): CompiledPattern | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  const isException = trimmed.startsWith('!');
  const written = trimmed.slice(isException ? 1 : 0);
  if (written === '') throw badPattern(trimmed, 'no path follows the `!`');
  // A `/` in front means nothing: all paths are the root's.
  return { isException, test: testOf(cleanPath(written).replace(/^\//, '')) };
}

function badPattern(pattern: string, why: string) {
  return wrongUse('bad-ignore-pattern', `The ignore pattern \`${pattern}\` can't be read: ${why}.`);
}

/** As Go's filepath.Clean. */
function cleanPath(path: string): string {
  const isAbsolute = path.startsWith('/');
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name !== '..') names.push(name);
    else if (names.length > 0 && names.at(-1) !== '..') names.pop();
    else if (!isAbsolute) names.push(name);
  }
  return (isAbsolute ? '/' : '') + names.join('/') || '.';
}

/** A piece of a pattern: a source of a regular expression, or text as it is. */
interface Piece {
  text: string;
  kind: 'text' | 'regex' | 'anywhere' | 'rest';
}

/**
 * What a cleaned pattern matches. Text alone, text before `**` and text after it are compared as they are: so `**file`
 * holds for any name that ends so, though `**` before a name with wildcards stands for whole folders.
 */
function testOf(pattern: string): (path: string) => boolean {
  const pieces = piecesOf(pattern);
  const plain = pieces.filter(({ kind }) => kind === 'text').map(({ text }) => text);
  const text = plain.join('');
  const [first] = pieces;
  const others = pieces.length - plain.length;
  if (others === 0) return (path) => path === text;
  if (others === 1 && first !== undefined && (first.kind === 'anywhere' || first.kind === 'rest')) {
    // `**/name`: in any folder; `**name`: also behind any other characters.
    const tail = pattern.slice(2);
    return tail.startsWith('/')
      ? (path) => path === text || path.endsWith(tail)
      : (path) => path.endsWith(tail);
  }
  if (others === 1 && pieces.at(-1)?.kind === 'rest') return (path) => path.startsWith(text);
  const source = pieces
    .map(({ text: piece, kind }) => (kind === 'text' ? escapeRegex(piece) : piece))
    .join('');
  try {
    const regex = new RegExp(`^${source}$`, 'u');
    return (path) => regex.test(path);
  } catch {
    throw badPattern(pattern, 'a range in it runs backwards');
  }
}

function piecesOf(pattern: string): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] as string;
    if (char === '*' && pattern[at + 1] === '*') {
      at += pattern[at + 2] === '/' ? 2 : 1;
      const isLast = at + 1 >= pattern.length;
      pieces.push(isLast ? { kind: 'rest', text: '[^\\n]*' } : { kind: 'anywhere', text: '(?:[^\\n]*/)?' });
    } else if (char === '*') pieces.push({ kind: 'regex', text: '[^/]*' });
    else if (char === '?') pieces.push({ kind: 'regex', text: '[^/]' });
    else if (char === '[') {
      const end = endOfClass(pattern, at);
      pieces.push({ kind: 'regex', text: classOf(pattern.slice(at + 1, end)) });
      at = end;
    } else if (char === '\\') {
      const escaped = String.fromCodePoint(pattern.codePointAt(at + 1) ?? badEscape(pattern));
      pieces.push({ kind: 'regex', text: escapeRegex(escaped) });
      at += escaped.length;
    } else pieces.push({ kind: 'text', text: char });
  }
  return pieces;
}

function badEscape(pattern: string): never {
  throw badPattern(pattern, 'nothing follows the `\\`');
}

/** Where the class that begins at `from` ends; it holds at least one character, and no bare `-` but in a range. */
function endOfClass(pattern: string, from: number): number {
  const inner = /\[\^?(?:(?:\\.|[^\\\]-])(?:-(?:\\.|[^\\\]-]))?)+\]/suy;
  inner.lastIndex = from;
  if (!inner.test(pattern))
    throw badPattern(pattern, "a class of characters in it isn't closed or has no end to a range");
  return inner.lastIndex - 1;
}

function classOf(inner: string): string {
  const isNegative = inner.startsWith('^');
  const characters = inner
    .slice(isNegative ? 1 : 0)
    .replace(/\\(.)|([\^[&])/gsu, (_, escaped?: string, special?: string) =>
      escapeInClass(escaped ?? (special as string)),
    );
  return `[${isNegative ? '^' : ''}${characters}]`;
}

function escapeInClass(char: string): string {
  return /[\\^$.*+?()[\]{}|/-]/.test(char) ? `\\${char}` : char;
}

function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
