/** Patterns of one name of a path, with the meaning of Go's filepath.Match: `*`, `?`, `[a-z]`, `[^a]`, and `\` quotes. */

/** Whether a path or name holds a wildcard that isn't quoted. */
export function hasWildcard(pattern: string): boolean {
  return /[*?[]/.test(pattern.replace(/\\./gs, ''));
}

const compiled = new Map<string, RegExp | undefined>();

/** A broken pattern matches nothing. */
export function matchName(pattern: string, name: string): boolean {
  if (!compiled.has(pattern)) compiled.set(pattern, compile(pattern));
  return compiled.get(pattern)?.test(name) ?? false;
}

function compile(pattern: string): RegExp | undefined {
  let source = '';
  for (let at = 0; at < pattern.length; ) {
    const char = pattern[at] as string;
    if (char === '*') {
      // Several in a row say no more than one; as many regex groups would take for ever.
      while (pattern[at] === '*') at += 1;
      source += '.*';
      continue;
    }
    if (char === '[') {
      const end = readClass(pattern, at + 1);
      if (end === undefined) return undefined;
      source += end.source;
      at = end.next;
      continue;
    }
    if (char === '\\') at += 1;
    if (at >= pattern.length) return undefined;
    source += char === '?' ? '.' : quote(pattern[at] as string);
    at += 1;
  }
  return new RegExp(`^${source}$`, 'su');
}

function readClass(pattern: string, start: number): { source: string; next: number } | undefined {
  let at = start;
  const isNegated = pattern[at] === '^';
  if (isNegated) at += 1;
  let inner = '';
  const first = at;
  while (pattern[at] !== ']' || at === first) {
    const from = readMember(pattern, at);
    if (from === undefined) return undefined;
    at = from.next;
    let to = from;
    if (pattern[at] === '-') {
      const end = readMember(pattern, at + 1);
      if (end === undefined) return undefined;
      to = end;
      at = end.next;
    }
    if (from.char <= to.char) inner += `${inClass(from.char)}-${inClass(to.char)}`;
    if (at >= pattern.length) return undefined;
  }
  const source = inner === '' ? (isNegated ? '.' : '(?!)') : `[${isNegated ? '^' : ''}${inner}]`;
  return { source, next: at + 1 };
}

function readMember(pattern: string, start: number): { char: string; next: number } | undefined {
  const at = pattern[start] === '\\' ? start + 1 : start;
  const code = pattern.codePointAt(at);
  if (code === undefined || (at === start && (pattern[at] === ']' || pattern[at] === '-'))) return undefined;
  const char = String.fromCodePoint(code);
  return { char, next: at + char.length };
}

function quote(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char;
}

function inClass(char: string): string {
  return char === '-' ? '\\-' : quote(char);
}
