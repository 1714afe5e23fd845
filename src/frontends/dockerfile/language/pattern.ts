/**
 * Patterns of `${name#…}`, `${name%…}` and `${name/…/…}`: `*` and `?` don't cross line ends, `\` takes `*`, `?` and `\`
 * literally. Matching is a table over pattern and text, so its time is their product at worst, whatever the pattern.
 */

type Part = { type: 'text'; char: string } | { type: 'one' } | { type: 'many' };

export type Pattern = readonly Part[];

/** Reads a pattern. Throws an Error with a sentence's part when an escape is none. */
export function readPattern(text: string): Pattern {
  const parts: Part[] = [];
  const chars = Array.from(text);
  for (let at = 0; at < chars.length; at++) {
    let char = chars[at] as string;
    if (char === '*') parts.push({ type: 'many' });
    else if (char === '?') parts.push({ type: 'one' });
    else {
      if (char === '\\') {
        const next = chars[at + 1];
        // `}` and `/` end parts of `${…}`: the backslash before them belongs to that, not to the pattern.
        if (next === '}' || next === '/') continue;
        if (next !== '*' && next !== '?' && next !== '\\')
          throw new Error(`\`\\${next ?? ''}\` is no escape`);
        char = next;
        at += 1;
      }
      parts.push({ type: 'text', char });
    }
  }
  return parts;
}

/** `value` less the shortest or longest start that matches. */
export function cutPrefix(value: string, pattern: Pattern, longest: boolean): string {
  const chars = Array.from(value);
  const end = (longest ? furthestEnds : nearestEnds)(chars, pattern)[0] as number;
  return end < 0 ? value : chars.slice(end).join('');
}

/** `value` less the shortest or longest end that matches. */
export function cutSuffix(value: string, pattern: Pattern, longest: boolean): string {
  const chars = Array.from(value).reverse();
  const reversed = [...pattern].reverse();
  const end = (longest ? furthestEnds : nearestEnds)(chars, reversed)[0] as number;
  return end < 0 ? value : chars.slice(end).reverse().join('');
}

/** `value` with the leftmost longest match replaced. */
export function replaceFirst(value: string, pattern: Pattern, replacement: string): string {
  const chars = Array.from(value);
  const ends = furthestEnds(chars, pattern);
  const start = ends.findIndex((end) => end >= 0);
  if (start < 0) return value;
  return chars.slice(0, start).join('') + replacement + chars.slice(ends[start]).join('');
}

/**
 * `value` with every match replaced. Here `$0` and `${0}` in the replacement stand for what matched, `$$` for `$`, and
 * any other `$name` for nothing: so does the reference implementation, whose library takes it as a template.
 */
export function replaceAll(value: string, pattern: Pattern, replacement: string): string {
  const chars = Array.from(value);
  const ends = furthestEnds(chars, pattern);
  const fill = template(replacement);
  const out: string[] = [];
  let lastEnd = 0;
  for (let at = 0; at <= chars.length; ) {
    const end = ends[at] as number;
    // An empty match right behind another match isn't one of its own.
    const counts = end >= 0 && (end > lastEnd || at === 0);
    if (counts) {
      out.push(fill(chars.slice(at, end).join('')));
      lastEnd = end;
    }
    if (counts && end > at) at = end;
    else {
      if (at < chars.length) out.push(chars[at] as string);
      at += 1;
    }
  }
  return out.join('');
}

/** For each place of the text, where the longest match from there ends; -1 where none starts. */
function furthestEnds(chars: readonly string[], pattern: Pattern): Int32Array {
  return ends(chars, pattern, (here, beyond) => Math.max(here, beyond));
}

/** As `furthestEnds`, for the shortest match. */
function nearestEnds(chars: readonly string[], pattern: Pattern): Int32Array {
  return ends(chars, pattern, (here, beyond) => (here >= 0 ? here : beyond));
}

/** From the pattern's last part to its first: `row[i]` is the end of a match of the parts so far that starts at `i`. */
function ends(
  chars: readonly string[],
  pattern: Pattern,
  choose: (here: number, beyond: number) => number,
): Int32Array {
  const size = chars.length;
  let row = Int32Array.from({ length: size + 1 }, (_, index) => index);
  for (let at = pattern.length - 1; at >= 0; at--) {
    const part = pattern[at] as Part;
    const next = new Int32Array(size + 1).fill(-1);
    for (let i = size; i >= 0; i--) {
      const char = chars[i];
      const passable = char !== undefined && char !== '\n';
      if (part.type === 'many') next[i] = choose(row[i] as number, passable ? (next[i + 1] as number) : -1);
      else if (part.type === 'one' ? passable : char === part.char) next[i] = row[i + 1] as number;
    }
    row = next;
  }
  return row;
}

function template(text: string): (match: string) => string {
  return (match) =>
    text.replace(
      /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu,
      (whole, braced?: string, bare?: string) => {
        if (whole === '$$') return '$';
        return /^0+$/.test(braced ?? bare ?? '') ? match : '';
      },
    );
}
