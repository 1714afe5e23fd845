/** Which characters count as space: the format's reference parser asks Unicode, and twice ASCII only. */

/** Unicode's white space (property White_Space). */
const space = /[\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

export function isSpace(char: string): boolean {
  return char <= ' ' ? space.test(char) : char >= '\x85' && space.test(char);
}

/** Where text begins after spaces, from `at` on. */
export function skipSpaces(text: string, at = 0): number {
  while (at < text.length && isSpace(text[at] as string)) at += 1;
  return at;
}

export function trimStart(text: string): string {
  return text.slice(skipSpaces(text));
}

export function trim(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text[end - 1] as string)) end -= 1;
  return trimStart(text.slice(0, end));
}

/** Runs of spaces within a line, which separate a keyword from the rest, and words from one another. */
export const gap = /[\t\v\f\r ]+/;

/** The text before the first gap, and that after it (undefined without a gap). */
export function cutAtGap(text: string): [string, string | undefined] {
  const match = gap.exec(text);
  return match === null
    ? [text, undefined]
    : [text.slice(0, match.index), text.slice(match.index + match[0].length)];
}
