/** What a registry asks for in WWW-Authenticate (RFC 9110, 11.6.1). */

export interface Challenge {
  /** Lower case: `basic`, `bearer`. */
  scheme: string;
  parameters: ReadonlyMap<string, string>;
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const parameter = new RegExp(`(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))`, 'y');
const schemeStart = new RegExp(`(${token})(?:\\s+|\\s*$|\\s*,)`, 'y');

/** All challenges of a header, in their order; what can't be understood ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match) at = pattern.lastIndex;
    return match;
  };
  for (;;) {
    while (/[\s,]/.test(header[at] ?? '')) at += 1;
    if (at >= header.length) return challenges;
    const pair = take(parameter);
    if (pair) {
      const [, name = '', quoted, plain = ''] = pair;
      const value = quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1');
      challenges.at(-1)?.parameters.set(name.toLowerCase(), value);
      continue;
    }
    const scheme = take(schemeStart)?.[1];
    if (scheme === undefined) return challenges;
    challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
  }
}
