/** How a Dockerfile is read: escapes, comments, continuations, forms. */
import type { Case } from '../support/case.ts';

const text = (name: string, dockerfile: string, more: Partial<Case> = {}): Case => ({
  name,
  dockerfile,
  ...more,
});

export const languageCases: readonly Case[] = [
  text(
    'Windows line ends',
    'FROM base\r\nENV A=1 \\\r\n  B=2\r\nRUN echo one > /f && \\\r\n  echo two >> /f\r\n',
  ),
  text('a byte order mark', '\ufeffFROM base\nENV A=1\n'),
  text('no line feed at the end', 'FROM base\nENV A=1'),
  text('a backslash at the very end', 'FROM base\nENV A=1 \\'),
  text('spaces in front and behind', '  \n\tFROM base  \n   ENV A=1\t \n  RUN echo 1 > /f   \n'),
  text(
    'comments',
    '# one\n#two\n  # three\nFROM base\n# four\nENV A=1\nRUN echo 1 # a comment of the shell\n',
  ),
  text(
    'another escape',
    '# escape=`\nFROM base\nENV A=1 `\n  B=a\\b C=`$A\nRUN echo \\\\a > /f && `\n  echo $A >> /f\n',
  ),
  text(
    'a directive that comes too late is a comment',
    '# a comment\n# escape=`\nFROM base\nENV A=1 \\\n B=2\n',
  ),
  text('a directive with spaces and capitals', '#   ESCAPE  =  `  \nFROM base\nENV A=1 `\n B=2\n'),
  text('a directive twice is refused', '# escape=`\n# escape=\\\nFROM base\n', { fails: /escape/ }),
  text('an unknown directive is a comment', '# something=1\nFROM base\nENV A=1\n'),
  text('continuations that end in spaces', 'FROM base\nRUN echo one > /f && \\   \n  echo two >> /f\n'),
  text('a backslash in the middle of a word', 'FROM base\nRUN echo on\\\ne > /f\nENV A=x\\\ny\n'),
  text(
    'comments in a row within an instruction',
    'FROM base\nENV A=1 \\\n# one\n  # two\n B=2 \\\n#three\n C=3\n',
  ),
  text('empty lines within an instruction', 'FROM base\nENV A=1 \\\n\n\n B=2\n'),
  text('mixed case', 'fRoM base\nEnV A=1\nrUn echo 1 > /f\nCmD ["x"]\n'),
  text('tabs between words', 'FROM\tbase\nENV\tA=1\tB=2\nCOPY\ta\t/d/\n', { files: { a: 'a\n' } }),
  text('JSON with spaces', 'FROM base\nCMD   [  "a" ,"b"  ]  \n'),
  text('JSON with escapes', 'FROM base\nCMD ["\\u00fc", "a\\tb", "\\\\", "/"]\n'),
  text('JSON that breaks off is a command', 'FROM base\nCMD ["a", "b"\n'),
  text('JSON with single quotes is a command', "FROM base\nCMD ['a', 'b']\n"),
  text('JSON with something behind is a command', 'FROM base\nCMD ["a"] b\n', {
    reference: 'this dockerd passes over what stands behind',
    expect: { config: { Cmd: ['/bin/sh', '-c', '["a"] b'] } },
  }),
  text('JSON over lines', 'FROM base\nCMD ["a", \\\n  "b"]\n'),
  text('two lists are a command', 'FROM base\nENTRYPOINT ["a"]["b"]\n', {
    reference: 'this dockerd passes over what stands behind',
    expect: { config: { Entrypoint: ['/bin/sh', '-c', '["a"]["b"]'] } },
  }),
  text('a very long line', `FROM base\nENV A=${'x'.repeat(20_000)}\n`),
  text(
    'many instructions',
    `FROM base\n${Array.from({ length: 150 }, (_, i) => `LABEL l${i}=${i}\n`).join('')}`,
  ),
  text('letters beyond ASCII', 'FROM base\nENV Ä=ö\nLABEL 日本=語\nRUN echo "ünï 語" > /f\n'),
  text('a syntax directive', '# syntax=docker/dockerfile:1\nFROM base\nRUN echo 1 > /f\n', {
    reference: 'it would be fetched',
    expect: { tree: { f: 'file 644 0:0 "1\\n"' } },
  }),
  text('a check directive', '# check=skip=all\nFROM base\nRUN echo 1 > /f\n'),
];
