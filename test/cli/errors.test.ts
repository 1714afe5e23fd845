import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createColors } from '../../src/cli/colors.ts';
import { asUserError, errorToJson, formatError, formatStack } from '../../src/cli/errors.ts';
import { formatFailure, formatSummary } from '../../src/cli/report.ts';
import { outside, wrongUse } from '../../src/kit/errors.ts';
import type { BuildDone, StepFailure } from '../../src/plan/index.ts';

const colors = createColors(false);
let dir = '';
let file = '';

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'cambium-errors-'));
  file = join(dir, 'x.spec');
  writeFileSync(
    file,
    [
      'stage base',
      '',
      '\tstage packges',
      'if x',
      '  stage 日本 y',
      'fi',
      `stage ${'z'.repeat(200)} end`,
    ].join('\n'),
  );
});
afterAll(() => rmSync(dir, { recursive: true }));

/** The error as told, with the scratch folder left out. */
function told(location: { line?: number; column?: number; endLine?: number }, columns = 80): string {
  const error = wrongUse('missing-stage', 'There is no stage `packges`.', {
    hint: 'Did you mean `packages`?',
    location: { file, ...location },
  });
  return formatError(error, colors, columns)
    .replaceAll(dir, '')
    .replace(/(\.\.\/)+tmp.*\//, '/');
}

test('the place, the line, and a caret below the column', () => {
  expect(told({ line: 3, column: 8 })).toBe(
    [
      'error: There is no stage `packges`.',
      '  --> /x.spec:3:8',
      '  |',
      '3 |  stage packges',
      '  |        ^',
      'hint: Did you mean `packages`?',
      '',
    ].join('\n'),
  );
});

test('without a column all of the line is marked', () => {
  expect(told({ line: 3 })).toContain('3 |  stage packges\n  |  ^^^^^^^^^^^^^\n');
});

test('wide characters take two columns', () => {
  expect(told({ line: 5, column: 12 })).toContain('5 |   stage 日本 y\n  |              ^\n');
});

test('a range is shown whole, without a caret', () => {
  expect(told({ line: 4, endLine: 6 })).toContain('4 | if x\n5 |   stage 日本 y\n6 | fi\n');
  expect(told({ line: 4, endLine: 6 })).not.toContain('^');
});

test('of a long line the part around the column is shown', () => {
  const lines = told({ line: 7, column: 208 }, 60).split('\n');
  const source = lines.find((line) => line.startsWith('7 |')) ?? '';
  const caret = lines.find((line) => line.includes('^')) ?? '';
  expect(source.length).toBeLessThanOrEqual(60);
  expect(source[caret.indexOf('^')]).toBe('e');
});

test('a file that is gone, or a line that it lacks, is no second error', () => {
  expect(told({ line: 99 })).toContain('--> /x.spec:99\nhint:');
  const gone = wrongUse('x', 'No.', { location: { file: '/nowhere/x', line: 1, column: 1 } });
  expect(formatError(gone, colors)).toContain('/nowhere/x:1:1');
});

test('a bug is one line and a hint; the stack is for CAMBIUM_DEBUG', () => {
  const bug = new TypeError('x is not a function\nsecond line', { cause: new Error('inner') });
  const error = asUserError(bug);
  expect(formatError(error, colors)).toMatch(
    /^error: Internal error: x is not a function\nhint: .*report.*\n$/,
  );
  expect(error.exitCode).toBe(3);
  expect(formatStack(error)).toContain('caused by: Error: inner');
});

test('system errors that a person can mend are told as such', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  expect(asUserError(full)).toMatchObject({ code: 'no-space', exitCode: 3 });
  // As SQLite says it.
  expect(asUserError(new Error('disk I/O error'))).toMatchObject({ code: 'disk-error', exitCode: 3 });
});

test('for programs: the facts in one line', () => {
  const line = errorToJson(outside('no-space', 'Full.', { hint: 'Free some.' }));
  expect(line.endsWith('}\n')).toBe(true);
  expect(JSON.parse(line)).toMatchObject({
    type: 'error',
    code: 'no-space',
    message: 'Full.',
    hint: 'Free some.',
    exitCode: 3,
  });
});

const step = { id: 's', stage: 'packages', title: 'apply.sh' };
const failure: StepFailure = {
  reason: 'exit',
  exitCode: 3,
  message: 'apply.sh failed',
  tail: Array.from({ length: 30 }, (_, index) => `line ${index}\x1b[31m!`),
  workspaceKept: true,
};

test('a failed step: what, where, its last 20 lines, what to type', () => {
  const text = formatFailure(step, { ...failure, location: { file, line: 3 } }, ' --store /s', colors);
  expect(text).toContain('error: step `packages` failed: apply.sh failed (exit code 3)\n');
  expect(text).toContain('3 |  stage packges\n');
  expect(text).toContain('Its last 20 lines of output:\n  | line 10!\n');
  expect(text).toContain('  | line 29!\n');
  expect(text).not.toContain('line 9!');
  expect(text).toContain('cambium shell --failed --store /s\n');
});

test('a failed step whose workspace is gone offers no shell', () => {
  expect(formatFailure(step, { ...failure, workspaceKept: false }, '', colors)).not.toContain('shell');
});

test('out of memory is told with limit and peak', () => {
  const memory = { limitBytes: 64 * 2 ** 20, peakBytes: 63.5 * 2 ** 20 };
  const text = formatFailure(
    step,
    { ...failure, reason: 'out-of-memory', exitCode: 137, memory, message: 'killed for memory' },
    '',
    colors,
  );
  expect(text).toContain('limit 64.0 MiB, peak 63.5 MiB');
});

test('the summary', () => {
  const done: BuildDone = {
    type: 'build-done',
    at: 0,
    outcome: 'done',
    ran: 2,
    reused: 5,
    savedMs: 12_300,
    durationMs: 4100,
    tags: ['docker.io/library/hello:latest'],
  };
  expect(formatSummary(done, colors)).toBe('built hello:latest in 4.1s: 2 ran, 5 reused (12.3s saved)\n');
  expect(formatSummary({ ...done, outcome: 'failed', reused: 0, savedMs: 0, tags: [] }, colors)).toBe(
    'failed after 4.1s: 2 ran, 0 reused\n',
  );
  expect(formatSummary({ ...done, outcome: 'interrupted' }, colors)).toContain('interrupted after 4.1s');
});

test('what failed first is told, also where cleaning up after it fails', () => {
  const caught = () => {
    try {
      using _ = {
        [Symbol.dispose]() {
          throw new Error('the disk is busy');
        },
      };
      throw wrongUse('volume-in-use', 'The volume is in use.');
    } catch (error) {
      return error;
    }
  };
  expect(asUserError(caught())).toMatchObject({ code: 'volume-in-use', exitCode: 2 });
});

test('a database that stays locked is told as a busy store', () => {
  expect(asUserError(new Error('database is locked'))).toMatchObject({ code: 'store-busy', exitCode: 3 });
});
