/** Which rules hold: `# check=skip=A,B;experimental=all;error=true`, for the file or for the instruction below. */

import { blameAt } from '../language/complain.ts';
import type { Dockerfile } from '../language/types.ts';
import { readSwitch } from '../language/values.ts';

export interface CheckOptions {
  skip: ReadonlySet<string>;
  skipAll: boolean;
  experimental: ReadonlySet<string>;
  experimentalAll: boolean;
  /** Warnings fail the build. */
  error: boolean;
}

export const everyRule: CheckOptions = {
  skip: new Set(),
  skipAll: false,
  experimental: new Set(),
  experimentalAll: false,
  error: false,
};

/** Reads options; gives a sentence on what is wrong with them instead. */
export function parseCheckOptions(text: string): CheckOptions | { wrong: string } {
  let options = everyRule;
  if (text.trim() === '') return options;
  for (const part of text.trim().split(';')) {
    const equals = part.indexOf('=');
    const key = part.slice(0, Math.max(0, equals)).trim();
    const value = part.slice(equals + 1).trim();
    if (key === 'skip') options = { ...options, ...named(value, 'skip', 'skipAll') };
    else if (key === 'experimental') {
      options = { ...options, ...named(value, 'experimental', 'experimentalAll') };
    } else if (key === 'error') {
      const error = readSwitch(value);
      if (error === undefined) return { wrong: `\`error\` is true or false, not \`${value}\`.` };
      options = { ...options, error };
    } else return { wrong: `\`${part}\` is no option of checks.` };
  }
  return options;
}

function named<S extends string, A extends string>(value: string, set: S, all: A) {
  if (value === 'all') return { [all]: true } as Record<A, boolean>;
  return { [set]: new Set(value.split(',').map((name) => name.trim())) } as unknown as Record<S, Set<string>>;
}

/**
 * Options of a file: those of the build argument BUILDKIT_DOCKERFILE_CHECK, else of `# check=`. Throws a UserError when
 * they can't be read.
 */
export function checkOptionsOf(
  dockerfile: Pick<Dockerfile, 'directives' | 'file'>,
  argument?: string,
): CheckOptions {
  const directive = dockerfile.directives.check;
  const options = parseCheckOptions(argument ?? firstWord(directive?.value ?? ''));
  if (!('wrong' in options)) return options;
  const hint = 'Write skip=RULE,RULE;experimental=RULE;error=true.';
  const location = argument === undefined ? directive?.location : undefined;
  throw blameAt(
    location ?? { file: dockerfile.file },
    `The options of checks can't be read: ${options.wrong}`,
    {
      hint,
      code: 'bad-check-options',
    },
  );
}

/** Options for one instruction: those of the file, and those of a comment `# check=…` above it. */
export function withComments(options: CheckOptions, comments: readonly string[]): CheckOptions {
  for (const comment of comments) {
    const match = /^check\s*=\s*(\S+)/i.exec(comment);
    if (match === null) continue;
    const own = parseCheckOptions(match[1] as string);
    if ('wrong' in own) return options;
    return {
      skip: new Set([...options.skip, ...own.skip]),
      skipAll: options.skipAll || own.skipAll,
      experimental: new Set([...options.experimental, ...own.experimental]),
      experimentalAll: options.experimentalAll || own.experimentalAll,
      error: options.error,
    };
  }
  return options;
}

/** What follows a space is a remark. */
function firstWord(text: string): string {
  return text.split(' ')[0] ?? '';
}
