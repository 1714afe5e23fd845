/**
 * Patterns of ignore files, with the semantics of moby/patternmatcher: `*` and `?` stop at `/`, `**` doesn't, a
 * pattern that matches a folder holds for all below it, `!` takes back, and the last pattern that matches decides.
 */

export interface IgnoreMatcher {
  /** Whether something below an ignored folder may be taken back, so that the folder must be walked. */
  hasExceptions: boolean;
  /** Which patterns hold for `path`, given those that hold for its folder. */
  match(path: string, parent: IgnoreMatch): IgnoreMatch;
}

export interface IgnoreMatch {
  ignored: boolean;
  /** One flag a pattern. */
  matched: readonly boolean[];
}

/** What holds for the root. */
export const notIgnored: IgnoreMatch = { ignored: false, matched: [] };

/** Patterns of an ignore file's text: comments and empty lines left out, `/` at either end cut. */
export function parseIgnoreFile(text: string): string[] {
  return text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

export function compileIgnore(patterns: readonly string[]): IgnoreMatcher {
  const compiled = patterns.map(compilePattern).filter((pattern) => pattern !== undefined);
  return {
    hasExceptions: compiled.some((pattern) => pattern.isException),
    match(path, parent) {
      let ignored = false;
      const matched = compiled.map((pattern, index) => {
        const matches = parent.matched[index] || pattern.regex.test(path);
        if (matches) ignored = !pattern.isException;
        return matches;
      });
      return { ignored, matched };
    },
  };
}

function compilePattern(text: string): { regex: RegExp; isException: boolean } | undefined {
  const isException = text.startsWith('!');
  const pattern = cleanPath((isException ? text.slice(1) : text).trim());
  if (pattern === '' || pattern === '.') return undefined;
  return { regex: new RegExp(`^${translate(pattern)}$`, 's'), isException };
}

/** As Go's filepath.Clean, less a leading slash. */
function cleanPath(path: string): string {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name === '..' && names.length > 0 && names.at(-1) !== '..') names.pop();
    else names.push(name);
  }
  return names.join('/');
}

function translate(pattern: string): string {
  let regex = '';
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] as string;
    if (char === '*' && pattern[at + 1] === '*') {
      at += 1;
      if (pattern[at + 1] === '/') at += 1;
      regex += at + 1 >= pattern.length ? '.*' : '(.*/)?';
    } else if (char === '*') regex += '[^/]*';
    else if (char === '?') regex += '[^/]';
    else if (char === '\\') {
      at += 1;
      regex += escapeRegex(pattern[at] ?? '\\');
    } else if (char === '[') {
      const end = pattern.indexOf(']', at + 2);
      regex += end < 0 ? '\\[' : pattern.slice(at, end + 1);
      if (end > 0) at = end;
    } else regex += escapeRegex(char);
  }
  return regex;
}

function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
