/** Words of ARG, ENV and LABEL: separated by spaces that are neither quoted nor escaped; quotes and escapes stay. */
import { cutAtGap, isSpace } from './characters.ts';
import { blame } from './complain.ts';
import type { RawInstruction } from './raw.ts';
import type { KeyValue } from './types.ts';

export interface Word {
  text: string;
  /** Where it starts in the instruction's text. */
  offset: number;
}

/** The words of what follows an instruction's flags. */
export function readWords(raw: RawInstruction): Word[] {
  const { rest, escapeToken, restOffset } = raw;
  const words: Word[] = [];
  let at = 0;
  while (at < rest.length) {
    if (isSpace(rest[at] as string)) {
      at += 1;
      continue;
    }
    const end = endOfWord(rest, at, escapeToken);
    const text = rest.slice(at, end);
    // An escape token at the very end escapes nothing and is left out.
    const whole = end === rest.length && endsInEscape(text, escapeToken) ? text.slice(0, -1) : text;
    if (whole !== '') words.push({ text: whole, offset: restOffset + at });
    at = end;
  }
  return words;
}

function endOfWord(text: string, from: number, escapeToken: string): number {
  let quote = '';
  for (let at = from; at < text.length; at++) {
    const char = text[at] as string;
    if (quote === '' && isSpace(char)) return at;
    if (char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (char === escapeToken && quote !== "'") at += 1;
  }
  return text.length;
}

/** Whether the last character is an escape token that isn't escaped or single-quoted itself. */
function endsInEscape(text: string, escapeToken: string): boolean {
  if (!text.endsWith(escapeToken)) return false;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (char === escapeToken && quote !== "'") {
      if (at === text.length - 1) return true;
      at += 1;
    }
  }
  return false;
}

/** `KEY=value …`, or the old `KEY value with spaces`. */
export function readPairs(raw: RawInstruction): KeyValue[] {
  const keyword = raw.keyword.toUpperCase();
  const words = readWords(raw);
  const [first] = words;
  if (first === undefined) throw blame(raw, `${keyword} needs at least one KEY=value.`);
  if (!first.text.includes('=')) {
    const [key, value] = cutAtGap(raw.rest);
    if (value === undefined) {
      throw blame(raw, `${keyword} ${key} has no value.`, {
        offset: first.offset,
        hint: `Write ${key}=value.`,
      });
    }
    return [{ key, value, legacy: true }];
  }
  return words.map(({ text, offset }) => {
    const equals = text.indexOf('=');
    if (equals < 0) {
      const hint = 'Every word must be KEY=value; put quotes around values with spaces.';
      throw blame(raw, `There is no \`=\` in \`${text}\`.`, { offset, hint });
    }
    if (equals === 0) throw blame(raw, `${keyword} has a name that is empty.`, { offset });
    return { key: text.slice(0, equals), value: text.slice(equals + 1), legacy: false };
  });
}
