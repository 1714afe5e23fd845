/** One instruction's text, split into keyword, flags and the rest: what all instructions have in common. */
import { cutAtGap, isSpace, skipSpaces, trim } from './characters.ts';
import type { EscapeToken, Heredoc, InstructionBase } from './types.ts';

export interface RawInstruction extends InstructionBase {
  escapeToken: EscapeToken;
  flags: readonly RawFlag[];
  /** What follows the flags, trimmed. */
  rest: string;
  /** Where `rest` starts in `text`. */
  restOffset: number;
  heredocs: readonly Heredoc[];
}

/** A word that starts with `--`, without quotes and escapes. */
export interface RawFlag {
  text: string;
  /** Where it starts in the instruction's text. */
  offset: number;
}

export interface SplitText {
  keyword: string;
  flags: readonly RawFlag[];
  rest: string;
  restOffset: number;
}

/** Splits an instruction's trimmed text. */
export function splitText(text: string, escapeToken: EscapeToken): SplitText {
  const [keyword, after] = cutAtGap(text);
  if (after === undefined) return { keyword, flags: [], rest: '', restOffset: text.length };
  const { flags, end } = readFlags(text, text.length - after.length, escapeToken);
  const restOffset = skipSpaces(text, end);
  return { keyword, flags, rest: trim(text.slice(restOffset)), restOffset };
}

/** Reads words that start with `--`, up to the first that doesn't, or up to a bare `--`. */
function readFlags(text: string, from: number, escapeToken: EscapeToken): { flags: RawFlag[]; end: number } {
  const flags: RawFlag[] = [];
  let at = skipSpaces(text, from);
  while (text.startsWith('--', at)) {
    const offset = at;
    const word = readFlag(text, at, escapeToken);
    at = word.end;
    // At the very end of the text even a bare `--` ends nothing, and is no flag.
    if (word.text === '--') return { flags, end: at };
    flags.push({ text: word.text, offset });
    at = skipSpaces(text, at);
  }
  return { flags, end: at };
}

function readFlag(text: string, from: number, escapeToken: EscapeToken): { text: string; end: number } {
  const parts: string[] = [];
  let quote = '';
  let at = from;
  for (; at < text.length; at++) {
    const char = text[at] as string;
    if (quote === '' && isSpace(char)) break;
    if (char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (char === escapeToken) {
      at += 1;
      if (at < text.length) parts.push(text[at] as string);
    } else parts.push(char);
  }
  return { text: parts.join(''), end: Math.min(at, text.length) };
}

/** Half of a pair, which JSON can write and UTF-8 can't. */
const loneSurrogate = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/**
 * The elements of a JSON array of strings: `undefined` when the text is none (then it's the shell form), `'mixed'` when
 * it is an array that holds something else, which is refused.
 */
export function readJsonWords(text: string): readonly string[] | 'mixed' | undefined {
  if (!text.startsWith('[', skipSpaces(text))) return undefined;
  let value: unknown;
  try {
    // What isn't JSON's own white space in front makes it no JSON, but is cut before: so it is trimmed here too.
    value = JSON.parse(text.slice(skipSpaces(text)));
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  const words: string[] = [];
  for (const word of value as unknown[]) {
    if (typeof word !== 'string') return 'mixed';
    words.push(word.replace(loneSurrogate, '\ufffd'));
  }
  return words;
}
