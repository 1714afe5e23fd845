import { describe, expect, test } from 'vitest';
import { createColors } from '../../src/cli/colors.ts';
import { endedLine, liveLines, outputLine, type Screen } from '../../src/cli/progress/frame.ts';
import { plainRenderer } from '../../src/cli/progress/plain.ts';
import { createLiveRegion } from '../../src/cli/progress/region.ts';
import { jsonRenderer, resolveMode } from '../../src/cli/progress/renderer.ts';
import { ttyRenderer } from '../../src/cli/progress/tty.ts';
import { applyEvent, emptyView } from '../../src/cli/progress/view.ts';
import { displayWidth } from '../../src/cli/text.ts';
import type { BuildEvent } from '../../src/plan/index.ts';
import { failed, running, startedAt, written } from './recorded.ts';

const colors = createColors(false);
const screen = (columns: number, rows = 24): Screen => ({ columns, rows, colors });

function viewOf(events: readonly BuildEvent[]) {
  const view = emptyView(startedAt);
  for (const event of events) applyEvent(view, event);
  return view;
}

describe('the live region', () => {
  test('at 80 columns', () => {
    expect(liveLines(viewOf(running), startedAt + 12_400, screen(80))).toMatchInlineSnapshot(`
      [
        "● packages                    apply.sh · apply.sh changed                 12.0s",
        "    Reading package lists...",
        "    W: no lists",
        "    Building dependency tree",
        "    100%",
        "◌ hardening-of-the-whole-sy…  another process runs the same step          10.4s",
        "  1 of 4 steps · 12.4s",
      ]
    `);
  });

  test('at 40 columns', () => {
    expect(liveLines(viewOf(running), startedAt + 12_400, screen(40))).toMatchInlineSnapshot(`
      [
        "● packages       apply.sh · appl… 12.0s",
        "    Reading package lists...",
        "    W: no lists",
        "    Building dependency tree",
        "    100%",
        "◌ hardening-of…  another process… 10.4s",
        "  1 of 4 steps · 12.4s",
      ]
    `);
  });

  test('an output that is being written', () => {
    expect(liveLines(viewOf(written.slice(0, 2)), startedAt + 400, screen(80))).toMatchInlineSnapshot(`
      [
        "● docker    layer 2 of 3                                                   0.3s",
        "  reading the plan · 0.4s",
      ]
    `);
  });

  test.each([20, 40, 80, 200])('nothing is as wide as %i columns', (columns) => {
    const view = viewOf(failed);
    const lines = [
      ...liveLines(viewOf(running), startedAt + 5000, screen(columns)),
      ...view.steps.map((step) => endedLine(step, view, screen(columns))),
    ];
    for (const line of lines) expect(displayWidth(line)).toBeLessThan(columns);
  });

  test.each([3, 5, 10, 24])('a terminal of %i rows is never overfull', (rows) => {
    const many = Array.from({ length: 30 }, (_, index): BuildEvent[] => {
      const step = `s${index}` as never;
      return [
        { type: 'step-planned', at: startedAt, step, stage: `s${index}`, title: 'x', internal: false },
        { type: 'step-started', at: startedAt, step, key: 'k' as never, reason: 'first build' },
        { type: 'step-output', at: startedAt, step, stream: 'stdout', text: 'a\nb\nc\n' },
      ];
    }).flat();
    const lines = liveLines(viewOf(many), startedAt + 1, screen(80, rows));
    expect(lines.length).toBeLessThan(rows);
    expect(lines.at(-1)).toContain('0 of 30 steps');
  });
});

test('what ended steps leave behind', () => {
  const view = viewOf(failed);
  const shown = view.steps.filter((step) => !step.internal);
  expect(shown.map((step) => endedLine(step, view, screen(80)))).toMatchInlineSnapshot(`
    [
      "= base                        apply.sh                                   reused",
      "✔ packages                    apply.sh                                    12.0s",
      "✖ hardening-of-the-whole-sy…  apply.sh                                     1.0s",
      "- service                     a step that it needs failed               stopped",
    ]
  `);
  expect(shown.map((step) => endedLine(step, view, screen(40)))).toMatchInlineSnapshot(`
    [
      "= base           apply.sh        reused",
      "✔ packages       apply.sh         12.0s",
      "✖ hardening-of…  apply.sh          1.0s",
      "- service        a step that i… stopped",
    ]
  `);
});

test('what a written output leaves behind', () => {
  const view = viewOf(written);
  expect(
    [...view.outputs.values()].map((output) => outputLine(output, view, screen(80))),
  ).toMatchInlineSnapshot(`
    [
      "✔ docker    /out/hello.tar, 12.4 MiB                                       0.8s",
    ]
  `);
});

test('plain', () => {
  let text = '';
  const renderer = plainRenderer((piece) => {
    text += piece;
  });
  for (const event of [...failed.slice(0, -1), ...written]) renderer.onEvent(event);
  renderer.close();
  expect(text).toMatchInlineSnapshot(`
    "#1 [base] apply.sh
    #1 CACHED

    #2 [packages] apply.sh
    #2 RUN (apply.sh changed)
    #2 0.500 Reading package lists...
    #2 0.600 W: no lists
    #2 1.000 Building dependency tree
    #2 1.000 100%

    #3 [hardening-of-the-whole-system] apply.sh
    #3 WAIT another process runs the same step

    #2 DONE 12.0s

    #3 RUN (the stage before it changed)
    #3 0.400 chmod: cannot access: 許可がありません
    #3 ERROR: apply.sh ended with exit code 3

    #4 [service] apply.sh
    #4 CANCELED a step that it needs failed

    #5 writing docker
    #5 layer 2 of 3
    #5 DONE 0.8s /out/hello.tar (12.4 MiB)
    WARNING: The base is old.

    "
  `);
});

test('json: one object a line, the events themselves', () => {
  let text = '';
  const renderer = jsonRenderer((piece) => {
    text += piece;
  });
  for (const event of failed) renderer.onEvent(event);
  const lines = text.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual(JSON.parse(JSON.stringify(failed)));
});

describe('a terminal', () => {
  /** Carries out what is written, as a terminal does, far enough for the sequences that the region uses. */
  function fakeTerminal(columns: number) {
    const rows: string[] = [''];
    let row = 0;
    return {
      columns,
      rows: 24,
      screen: rows,
      frames: 0,
      on: () => {},
      off: () => {},
      write(text: string) {
        this.frames += 1;
        for (const [, sequence, rest] of text.matchAll(/(\x1b\[\??\d*[A-Za-z]|\r|\n)|([^\x1b\r\n]+)/g)) {
          if (rest !== undefined) rows[row] = rest;
          else if (sequence === '\n') {
            row += 1;
            rows[row] ??= '';
          } else if (sequence?.endsWith('A')) row = Math.max(0, row - Number(sequence.slice(2, -1)));
          else if (sequence?.endsWith('J')) {
            rows.length = row;
            rows[row] = '';
          }
        }
      },
    };
  }

  test('lines that stay are above, the region is drawn over, and nothing is left of it', () => {
    const terminal = fakeTerminal(80);
    const region = createLiveRegion(terminal);
    region.draw([], ['one', 'two', 'three']);
    region.draw(['stays'], ['four']);
    expect(terminal.screen).toEqual(['stays', 'four', '']);
    const { frames } = terminal;
    region.draw([], ['four']);
    expect(terminal.frames).toBe(frames);
    region.close();
    expect(terminal.screen).toEqual(['stays', '']);
  });

  test('made narrower, wrapped rows are counted', () => {
    const writes: string[] = [];
    const stream = { columns: 80, write: (text: string) => writes.push(text) };
    const region = createLiveRegion(stream);
    region.draw([], ['x'.repeat(70), 'short']);
    stream.columns = 30;
    region.draw([], ['new']);
    expect(writes.at(-1)).toContain('\x1b[4A');
  });

  test('a whole build leaves its steps and its warning, and the cursor', () => {
    const terminal = fakeTerminal(80);
    const renderer = ttyRenderer(terminal, colors, { now: () => startedAt + 1000 });
    for (const event of [...failed, ...written]) renderer.onEvent(event);
    renderer.close();
    renderer.close();
    const shown = terminal.screen.map((line) => line.slice(0, 10).trimEnd());
    expect(shown).toEqual(['= base', '✔ packages', '✖ hardenin', '✔ docker', 'warning: T', '']);
  });

  test('a note stays above what is drawn; the cursor is there until there is a plan', () => {
    const writes: string[] = [];
    const terminal = fakeTerminal(80);
    const write = (text: string) => {
      writes.push(text);
      terminal.write(text);
    };
    const renderer = ttyRenderer({ ...terminal, write }, colors, { now: () => startedAt + 1000 });
    renderer.note('first');
    expect(writes.join('')).not.toContain('\x1b[?25l');
    for (const event of running) renderer.onEvent(event);
    renderer.note('stopping');
    renderer.note('still stopping');
    expect(writes.join('')).toContain('\x1b[?25l');
    renderer.close();
    expect(writes.join('')).toMatch(/\x1b\[\?25h$/);
    expect(terminal.screen.map((line) => line.slice(0, 15).trimEnd())).toEqual([
      'first',
      '= base',
      'stopping',
      'still stopping',
      '',
    ]);
  });
});

test('which renderer auto takes', () => {
  const terminal = { isTTY: true };
  expect(resolveMode('auto', terminal, { TERM: 'xterm' })).toBe('tty');
  expect(resolveMode('auto', terminal, { TERM: 'dumb' })).toBe('plain');
  expect(resolveMode('auto', terminal, { TERM: 'xterm', CI: 'true' })).toBe('plain');
  expect(resolveMode('auto', {}, { TERM: 'xterm' })).toBe('plain');
  expect(resolveMode('tty', {}, { CI: '1' })).toBe('tty');
});
