/** Which line of a script is said to have failed: what interpreters say, and what can be known without. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { failedLine } from '../../src/build/failed-line.ts';
import type { Step, StepId } from '../../src/plan/index.ts';

function stepOf(argv: readonly string[], text: string, reader: string): Step {
  const op = { type: 'run', argv } as unknown as Step['op'];
  return { id: 'x' as StepId, stage: 'x', title: 'x', op, script: { text, line: 1, reader } };
}

/** Runs the script for real with a shell, and asks for the line. */
function lineOf(shell: readonly string[], lines: readonly string[]): number | undefined {
  const text = `${lines.join('\n')}\n`;
  const [program = '', ...rest] = shell;
  const { status, stdout, stderr } = spawnSync(program, [...rest, text], { encoding: 'utf8' });
  expect(status).not.toBe(0);
  const tail = `${stdout}${stderr}`.trimEnd().split('\n');
  return failedLine(stepOf([...shell, text], text, program), { exitCode: status as number, tail });
}

const shells = ['/bin/dash', '/bin/bash'].map((program) => [program, '-c']);

const rows: { name: string; script: string[]; line: number | undefined }[] = [
  { name: 'a command that is not there, last', script: ['echo a', '', 'no-such-program'], line: 3 },
  { name: 'the same, where errors end the script', script: ['set -e', 'no-such-program', 'echo b'], line: 2 },
  {
    name: 'one that is not there, and another failure',
    script: ['no-such-program', 'true', 'false'],
    line: 3,
  },
  { name: 'the last line fails without a word', script: ['echo a', 'false', '', '# end'], line: 2 },
  { name: 'any line may have failed', script: ['set -e', 'true', 'false', 'true'], line: undefined },
  { name: 'the script ends itself', script: ['true', 'exit 3', 'true'], line: undefined },
  { name: 'the end of a compound command', script: ['if true', 'then false', 'fi'], line: undefined },
  { name: 'the end of a continued command', script: ['true &&', 'false'], line: undefined },
  { name: 'what it prints looks like a message', script: ['echo "x: line 1: y"', 'echo', 'false'], line: 3 },
  {
    name: 'not the code of the message',
    script: ['set -e', 'no-such-program || true', 'false'],
    line: undefined,
  },
];
for (const shell of shells)
  for (const { name, script, line } of rows)
    test(`${shell[0]}: ${name}`, () => expect(lineOf(shell, script)).toBe(line));

test('a script that cannot be read', () => {
  expect(lineOf(['/bin/dash', '-c'], ['echo a', 'if )', 'true'])).toBe(2);
});

const others: { name: string; reader: string; text: string; tail: string[]; line: number | undefined }[] = [
  {
    name: 'Python by its first line',
    reader: '/dev/pipes/EOF',
    text: '#!/usr/bin/python3\nimport os\nfoo()\n',
    tail: [
      'Traceback (most recent call last):',
      '  File "/dev/pipes/EOF", line 3, in <module>',
      "NameError: name 'foo'",
    ],
    line: 3,
  },
  {
    name: 'Perl',
    reader: '/dev/pipes/EOF',
    text: '#!/usr/bin/perl\ndie "x";\n',
    tail: ['x at /dev/pipes/EOF line 2.'],
    line: 2,
  },
  {
    name: 'a shell that reads its input',
    reader: 'stdin',
    text: 'a\nfoo\n',
    tail: ['bash: line 2: foo: command not found'],
    line: 2,
  },
  {
    name: 'a line that is not there',
    reader: 'stdin',
    text: 'a\n',
    tail: ['bash: line 7: foo: oops'],
    line: undefined,
  },
];
test.each(others)('$name', ({ reader, text, tail, line }) => {
  const exitCode = tail.some((said) => said.endsWith('not found')) ? 127 : 1;
  expect(failedLine(stepOf(['/bin/sh', '-c', 'x'], text, reader), { exitCode, tail })).toBe(line);
});

test('Python on its input, for real', () => {
  const text = 'x = 1\nfoo()\n';
  const { status, stderr } = spawnSync('python3', ['-'], { input: text, encoding: 'utf8' });
  const tail = stderr.trimEnd().split('\n');
  expect(
    failedLine(stepOf(['/bin/sh', '-c', 'python3 <<E'], text, 'stdin'), { exitCode: status as number, tail }),
  ).toBe(2);
});
