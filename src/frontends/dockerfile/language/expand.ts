/**
 * Expansion of words: quotes, escapes and variables with their modifiers, as a Dockerfile has them. One walk gives both
 * the text as one word and the words it splits into, and tells which variables it met.
 */
import { collectWords } from './collect-words.ts';
import { cutPrefix, cutSuffix, type Pattern, readPattern, replaceAll, replaceFirst } from './pattern.ts';
import type { EscapeToken } from './types.ts';

export interface ExpandOptions {
  /** The Dockerfile's escape token; default `\`. */
  escape?: EscapeToken;
  /** The value of a variable; undefined: it isn't set. */
  lookup?: (name: string) => string | undefined;
  /** Quotes stay in the result. */
  keepQuotes?: boolean;
  /** Escape tokens stay in the result. */
  keepEscapes?: boolean;
  /** Quotes mean nothing (heredoc bodies). */
  ignoreQuotes?: boolean;
  /** What names an unset variable stays as it is. */
  keepUnset?: boolean;
}

export interface Expansion {
  /** All of it as one word. */
  text: string;
  /** Split at spaces that weren't quoted, variables' values included. */
  words: readonly string[];
  /** Variables that were looked up and set, in the order they were met. */
  used: ReadonlySet<string>;
  /** Variables that were looked up and not set. */
  unset: ReadonlySet<string>;
}

/** Why a word can't be expanded; the caller knows where it stands. */
export class ExpansionError extends Error {}

interface Walk {
  readonly source: string;
  at: number;
  depth: number;
  keepEscapes: boolean;
  readonly options: ExpandOptions;
  readonly escape: string;
  readonly used: Set<string>;
  readonly unset: Set<string>;
}

/** Substitutions within substitutions: far beyond any real file, far below what the stack holds. */
const deepest = 200;

/** Expands `source`. Throws `ExpansionError` for what can't be read, and for `${name:?message}`. */
export function expand(source: string, options: ExpandOptions = {}): Expansion {
  const walk: Walk = {
    source,
    at: 0,
    depth: 0,
    keepEscapes: options.keepEscapes ?? false,
    options,
    escape: options.escape ?? '\\',
    used: new Set(),
    unset: new Set(),
  };
  const { text, words } = expandUntil(walk, undefined, walk.keepEscapes);
  return { text, words, used: walk.used, unset: walk.unset };
}

/** Expands up to the unquoted character `stop`, which is consumed, or up to the end of the source. */
function expandUntil(walk: Walk, stop: string | undefined, keepEscapes: boolean) {
  if (walk.depth >= deepest) throw new ExpansionError('substitutions are nested too deeply');
  walk.depth += 1;
  const outer = walk.keepEscapes;
  walk.keepEscapes = keepEscapes;
  const parts: string[] = [];
  const words = collectWords();
  const special = walk.options.ignoreQuotes ? '$<' : `$<'"`;
  let stopped = false;
  while (walk.at < walk.source.length) {
    const char = walk.source[walk.at] as string;
    if (char === stop) {
      walk.at += 1;
      stopped = true;
      break;
    }
    if (special.includes(char)) {
      const text = expandSpecial(walk, char);
      parts.push(text);
      if (char === '$') words.split(text);
      else words.raw(text);
    } else if (char === walk.escape) {
      walk.at += 1;
      const next = takeCodePoint(walk);
      const text = (walk.keepEscapes ? char : '') + next;
      parts.push(text);
      words.raw(text);
    } else {
      const from = walk.at;
      do walk.at += 1;
      while (
        walk.at < walk.source.length &&
        isPlain(walk.source[walk.at] as string, special, walk.escape, stop)
      );
      const text = walk.source.slice(from, walk.at);
      parts.push(text);
      words.split(text);
    }
  }
  if (stop !== undefined && !stopped) throw new ExpansionError(`\`${stop}\` is missing`);
  walk.keepEscapes = outer;
  walk.depth -= 1;
  return { text: parts.join(''), words: words.done() };
}

function isPlain(char: string, special: string, escapeToken: string, stop: string | undefined): boolean {
  return char !== escapeToken && char !== stop && !special.includes(char);
}

function expandSpecial(walk: Walk, char: string): string {
  if (char === '$') return expandDollar(walk);
  if (char === "'") return readSingleQuoted(walk);
  if (char === '"') return readDoubleQuoted(walk);
  // `<< EOF` is one word, so that heredocs are found.
  const heredoc = /<<[\t\r ]*/y;
  heredoc.lastIndex = walk.at;
  const text = heredoc.exec(walk.source)?.[0] ?? '<';
  walk.at += text.length;
  return text;
}

/** All up to the next single quote is taken as it is. */
function readSingleQuoted(walk: Walk): string {
  const end = walk.source.indexOf("'", walk.at + 1);
  if (end < 0) throw new ExpansionError('the closing single quote is missing');
  const text = walk.source.slice(walk.at, end + 1);
  walk.at = end + 1;
  return walk.options.keepQuotes ? text : text.slice(1, -1);
}

/** Variables hold in double quotes, and the escape token holds before `"`, `$` and itself only. */
function readDoubleQuoted(walk: Walk): string {
  const quote = walk.options.keepQuotes ? '"' : '';
  const parts = [quote];
  walk.at += 1;
  while (walk.at < walk.source.length) {
    const char = walk.source[walk.at] as string;
    if (char === '"') {
      walk.at += 1;
      return parts.join('') + quote;
    }
    if (char === '$') parts.push(expandDollar(walk));
    else {
      walk.at += 1;
      if (char !== walk.escape) parts.push(char);
      else {
        const next = walk.source[walk.at];
        if (walk.keepEscapes) parts.push(char);
        if (next === '"' || next === '$' || next === walk.escape) {
          parts.push(next);
          walk.at += 1;
        } else if (next !== undefined) parts.push(char);
      }
    }
  }
  throw new ExpansionError('the closing double quote is missing');
}

function expandDollar(walk: Walk): string {
  walk.at += 1;
  if (walk.source[walk.at] === '{') return expandBraces(walk);
  const name = takeName(walk);
  if (name === '') return '$';
  const value = lookUp(walk, name);
  return value ?? (walk.options.keepUnset ? `$${name}` : '');
}

/** `${name}` or `${name` modifier … `}`; the walk stands at `{`. */
function expandBraces(walk: Walk): string {
  walk.at += 1;
  const first = walk.source[walk.at];
  if (first === undefined) throw new ExpansionError('`}` is missing');
  if ('{}:'.includes(first)) throw new ExpansionError(`\`\${${first}\` is no substitution`);
  const name = takeName(walk);
  const modifier = takeCodePoint(walk);
  switch (modifier) {
    case '}': {
      const value = lookUp(walk, name);
      return value ?? (walk.options.keepUnset ? `\${${name}}` : '');
    }
    case '/':
      return replaceInVariable(walk, name);
    case ':':
      return expandModifier(walk, name, takeCodePoint(walk), true);
    case '+':
    case '-':
    case '?':
    case '#':
    case '%':
      return expandModifier(walk, name, modifier, false);
    case '':
      throw new ExpansionError('`}` is missing');
    default:
      throw unsupported(modifier);
  }
}

function expandModifier(walk: Walk, name: string, modifier: string, orEmpty: boolean): string {
  const written = (orEmpty ? ':' : '') + modifier;
  const trims = modifier === '#' || modifier === '%';
  if (orEmpty && trims) throw unsupported(written);
  const word = expandUntil(walk, '}', trims).text;
  const value = lookUp(walk, name);
  if (value === undefined && walk.options.keepUnset) return `\${${name}${written}${word}}`;
  const isUnset = value === undefined || (orEmpty && value === '');
  switch (modifier) {
    case '-':
      return isUnset ? word : value;
    case '+':
      return isUnset ? '' : word;
    case '?':
      if (!isUnset) return value;
      throw new ExpansionError(
        `${name}: ${word || `is not allowed to be ${value === undefined ? 'unset' : 'empty'}`}`,
      );
    case '#':
    case '%': {
      const longest = word.startsWith(modifier);
      const pattern = patternOf(longest ? word.slice(1) : word);
      return (modifier === '#' ? cutPrefix : cutSuffix)(value ?? '', pattern, longest);
    }
    default:
      throw unsupported(written);
  }
}

/** `${name/pattern/replacement}`, or with `//` for all matches. */
function replaceInVariable(walk: Walk, name: string): string {
  const all = walk.source[walk.at] === '/';
  if (all) walk.at += 1;
  const pattern = expandUntil(walk, '/', true).text;
  const replacement = expandUntil(walk, '}', true).text;
  const value = lookUp(walk, name);
  if (value === undefined && walk.options.keepUnset) return `\${${name}/${pattern}/${replacement}}`;
  return (all ? replaceAll : replaceFirst)(value ?? '', patternOf(pattern), replacement);
}

function patternOf(text: string): Pattern {
  try {
    return readPattern(text);
  } catch (error) {
    throw new ExpansionError(`the pattern \`${text}\` can't be read: ${(error as Error).message}`);
  }
}

function unsupported(modifier: string): ExpansionError {
  return new ExpansionError(`the modifier \`${modifier}\` isn't supported in a substitution`);
}

function takeCodePoint(walk: Walk): string {
  const code = walk.source.codePointAt(walk.at);
  if (code === undefined) return '';
  const char = String.fromCodePoint(code);
  walk.at += char.length;
  return char;
}

/** Letters, digits and `_`; or only digits; or one of the shell's special parameters. */
const namePattern = /\p{Nd}+|[@*#?$!-]|[\p{L}_][\p{L}\p{Nd}_]*/uy;

function takeName(walk: Walk): string {
  namePattern.lastIndex = walk.at;
  const name = namePattern.exec(walk.source)?.[0] ?? '';
  walk.at += name.length;
  return name;
}

function lookUp(walk: Walk, name: string): string | undefined {
  const value = walk.options.lookup?.(name);
  (value === undefined ? walk.unset : walk.used).add(name);
  return value;
}
