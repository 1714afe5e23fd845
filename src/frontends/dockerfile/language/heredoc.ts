/** Heredocs: which words of an instruction begin one, and what their bodies are. */
import { ExpansionError, expand } from './expand.ts';
import type { Heredoc } from './types.ts';

/** What `<<NAME` says, before its body is known. */
export type HeredocStart = Omit<Heredoc, 'content' | 'line'>;

/** The heredocs that begin in an instruction's text; none when its quotes don't close. */
export function findHeredocs(text: string): HeredocStart[] {
  if (!text.includes('<<')) return [];
  let words: readonly string[];
  try {
    words = expand(text, { keepQuotes: true, keepEscapes: true, keepUnset: true }).words;
  } catch (error) {
    if (error instanceof ExpansionError) return [];
    throw error;
  }
  return words.map(heredocOf).filter((start) => start !== undefined);
}

const start = /^(\d*)<<(-?)[\t\n\f\r ]*([^<]+)$/;

/**
 * What a word says when it begins a heredoc, else undefined. Throws `ExpansionError` when the name after `<<` can't be
 * read.
 */
export function heredocOf(word: string): HeredocStart | undefined {
  const match = start.exec(word);
  if (match === null) return undefined;
  const [, digits, dash, rest] = match as unknown as [string, string, string, string];
  const [name, another] = expand(rest, { keepUnset: true }).words;
  if (name === undefined || another !== undefined) return undefined;
  const [quoted = ''] = expand(rest, { keepUnset: true, keepQuotes: true }).words;
  return {
    name,
    fileDescriptor: Number(digits),
    expand: countQuotes(name) === countQuotes(quoted),
    chomp: dash === '-',
  };
}

function countQuotes(text: string): number {
  return text.split(/['"]/).length - 1;
}

/** A body without the tabs that its lines start with. */
export function chompHeredoc(content: string): string {
  return content.replace(/^\t+/gm, '');
}
