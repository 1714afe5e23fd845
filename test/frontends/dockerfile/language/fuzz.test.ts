// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of Dockerfiles
/** Whatever a file holds, it is read or refused with an error for people, and soon. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkDockerfile } from '../../../../src/frontends/dockerfile/checks/check.ts';
import { createChecker } from '../../../../src/frontends/dockerfile/checks/checker.ts';
import { everyRule } from '../../../../src/frontends/dockerfile/checks/options.ts';
import { placeOf } from '../../../../src/frontends/dockerfile/language/complain.ts';
import { readDockerfile } from '../../../../src/frontends/dockerfile/language/dockerfile.ts';
import { ExpansionError, expand } from '../../../../src/frontends/dockerfile/language/expand.ts';
import { expandInstruction } from '../../../../src/frontends/dockerfile/language/expand-instruction.ts';
import { instructionNames } from '../../../../src/frontends/dockerfile/language/instructions.ts';
import { parsePlatform } from '../../../../src/frontends/dockerfile/language/platform.ts';
import { readPorts } from '../../../../src/frontends/dockerfile/language/ports.ts';
import { readDurationNs, readFields } from '../../../../src/frontends/dockerfile/language/values.ts';
import { readSizeBytes } from '../../../../src/kit/amounts.ts';
import { parseChmod } from '../../../../src/kit/chmod.ts';
import { UserError } from '../../../../src/kit/errors.ts';
import { compileIgnore, notIgnored, parseIgnoreFile } from '../../../../src/kit/ignore.ts';

/** FUZZ_SECONDS=60 for a long run; then the number of runs has no bound. */
const seconds = Number(process.env['FUZZ_SECONDS'] ?? 5);
const long = process.env['FUZZ_SECONDS'] !== undefined;
const settings = { interruptAfterTimeLimit: seconds * 1000, numRuns: long ? 10_000_000 : 3_000 };

const escapes = ['\\', '`'] as const;
const native = { os: 'linux', architecture: 'amd64' };
const modifiers = [
  '${A:-',
  '${A-',
  '${A:+',
  '${A+',
  '${A:?',
  '${A?',
  '${A#',
  '${A##',
  '${A%',
  '${A%%',
  '${A/',
  '${A//',
  '}',
];
const words = [
  ...modifiers,
  ...[
    '$A',
    '$',
    '${',
    '{',
    '/',
    '*',
    '?',
    '\\',
    '`',
    '"',
    "'",
    ' ',
    '\t',
    '\n',
    '\r\n',
    '\\\n',
    '`\n',
    '#',
    '# ',
    '=',
    ',',
  ],
  ...[
    '<<EOF',
    '<<-EOF',
    "<<'EOF'",
    '<<',
    'EOF',
    '\nEOF\n',
    '3<<A',
    '\nA\n',
    '[',
    ']',
    '["a", "b"]',
    '["',
    '",1]',
    ':',
    '\u00a0',
  ],
  ...[
    '# escape=`\n',
    '# syntax=x\n',
    '# check=skip=all;error=true\n',
    '\ufeff',
    '\u2028',
    '👽',
    '한',
    '\ud800',
    '\x01',
  ],
  ...[
    '--mount=',
    'type=',
    'cache',
    'bind',
    'secret',
    'ssh',
    'tmpfs',
    'target=/a',
    'id=',
    'size=',
    'mode=',
    'required',
    'from=',
  ],
  ...[
    '--from=',
    '--chown=',
    '--chmod=u+x',
    '--link',
    '--parents',
    '--exclude=',
    '--checksum=',
    '--platform=',
    '--network=',
    '--',
  ],
  ...[
    '--interval=1s',
    '--retries=',
    'CMD',
    'NONE',
    ' AS ',
    'a',
    'B',
    '80-90/tcp',
    '::1:',
    'scratch',
    'KEY=value',
    '\nFROM a\n',
  ],
  ...instructionNames.map((name) => `\n${name} `),
];

const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...words) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
);
const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));

function lookup(name: string): string | undefined {
  return name === 'A' ? 'a/b*c\nd' : undefined;
}

/** Runs all of it; lets only errors for people through. */
function readAll(content: string | Uint8Array): void {
  const { dockerfile, error } = readDockerfile(content, 'Dockerfile');
  expect(dockerfile !== undefined || error !== undefined).toBe(true);
  if (error !== undefined) {
    expect(error.exitCode).toBe(2);
    expect(error.message).not.toMatch(/undefined|\[object/);
  }
  if (dockerfile === undefined) return;
  const checker = createChecker(everyRule);
  checkDockerfile(checker, dockerfile, {
    predefined: { TARGETPLATFORM: 'linux/amd64' },
    buildArgs: {},
    native,
  });
  const count = typeof content === 'string' ? content.split('\n').length : Number.POSITIVE_INFINITY;
  for (const instruction of dockerfile.stages.flatMap(({ from, instructions }) => [from, ...instructions])) {
    const { line, endLine } = instruction.location;
    expect(line >= 1 && line <= endLine && endLine <= count).toBe(true);
    for (let at = 0; at < instruction.text.length; at += 7) {
      const place = placeOf(instruction, at);
      expect(place.line >= line && place.line <= endLine && place.column >= 1).toBe(true);
    }
    if (instruction.type === 'from') continue;
    try {
      expandInstruction(instruction, { escape: dockerfile.escape, lookup });
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(UserError);
    }
  }
}

describe('no crash and no hang', { timeout: (2 * seconds + 60) * 1000 }, () => {
  test('Dockerfiles of likely pieces', () => {
    fc.assert(
      fc.property(text, (body) => readAll(`FROM a\n${body}`)),
      settings,
    );
  });

  test('text and bytes', () => {
    fc.assert(fc.property(text, readAll), settings);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), readAll), settings);
  });

  test('words', () => {
    fc.assert(
      fc.property(
        text,
        fc.constantFrom(...escapes),
        fc.boolean(),
        fc.boolean(),
        (word, token, keep, unset) => {
          try {
            const result = expand(word, {
              escape: token,
              lookup,
              keepQuotes: keep,
              keepEscapes: keep,
              keepUnset: unset,
            });
            expect(result.words.every((one) => one !== '')).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(ExpansionError);
          }
        },
      ),
      settings,
    );
  });

  test('a word without special characters is itself', () => {
    const plain = fc.string({ unit: fc.constantFrom('a', 'B', '1', '/', '.', '한', '👽', '=', ':') });
    fc.assert(
      fc.property(plain, (word) => {
        expect(expand(word, { lookup }).text).toBe(word);
      }),
      settings,
    );
  });

  test('single quotes keep everything', () => {
    fc.assert(
      fc.property(text, (word) => {
        const quoted = word.replaceAll("'", '');
        expect(expand(`'${quoted}'`, { lookup }).text).toBe(quoted);
      }),
      settings,
    );
  });

  test('values and ignore files', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        for (const read of [readDurationNs, readSizeBytes, readFields, readPorts, parseChmod]) read(one);
        const mode = parseChmod(one)?.(0o644, false);
        expect(mode === undefined || (mode >= 0 && mode <= 0o7777)).toBe(true);
        parsePlatform(one, native);
        try {
          compileIgnore(parseIgnoreFile(one)).match(other, notIgnored);
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
      settings,
    );
  });
});
