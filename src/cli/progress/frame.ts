/**
 * What the terminal shows of a build, as lines that fit its width: those that stay (steps that ended) and those of
 * the live region below, which each frame draws anew. Pure functions of the view and the time.
 */
import type { Colors } from '../io.ts';
import { cut, displayWidth, formatBytes, formatDuration, pad, plural } from '../text.ts';
import { type BuildView, countSteps, isShown, type OutputView, type StepView } from './view.ts';

export interface Screen {
  columns: number;
  rows: number;
  colors: Colors;
}

/** The line that a step leaves behind when it has ended. */
export function endedLine(step: StepView, view: BuildView, screen: Screen): string {
  const { green, red, dim, yellow } = screen.colors;
  const time = step.durationMs === undefined ? '' : formatDuration(step.durationMs);
  switch (step.state) {
    case 'done':
      return stepLine(green('✔'), step, step.title, time, view, screen);
    case 'reused':
      return stepLine(dim('='), step, step.title, dim('reused'), view, screen);
    case 'failed':
      return stepLine(red('✖'), step, step.title, red(time || 'failed'), view, screen);
    default:
      return stepLine(yellow('-'), step, step.reason ?? step.title, yellow('stopped'), view, screen);
  }
}

/** A step that ran, with why it had to. */
export function withReason(step: StepView): StepView {
  const { state, title, reason } = step;
  return state === 'done' && reason ? { ...step, title: `${title} · ${reason}` } : step;
}

/** The line that an output leaves behind when it is written. */
export function outputLine(output: OutputView, view: BuildView, screen: Screen): string {
  const { done } = output;
  const what = done ? `${done.dest}, ${formatBytes(done.bytes)}` : (output.message ?? '');
  const time = done ? formatDuration(done.durationMs) : '';
  return line(screen.colors.green('✔'), output.name, what, time, stageWidth(view, screen), screen);
}

/** The live region: running steps with their last lines of output, outputs being written, the total. */
export function liveLines(view: BuildView, now: number, screen: Screen): string[] {
  const { cyan, dim, yellow } = screen.colors;
  const active = view.steps.filter(
    (step) => isShown(step) && (step.state === 'running' || step.state === 'blocked'),
  );
  const outputs = [...view.outputs.values()].filter((output) => !output.done);
  // One row for the total, and one so that the region never scrolls.
  const room = Math.max(1, screen.rows - 2);
  const shown = active.slice(0, Math.max(1, room - outputs.length));
  const tailRows = tailRowsFor(shown.length, room - outputs.length);

  const lines: string[] = [];
  for (const step of shown) {
    const time = step.startedAt === undefined ? '' : formatDuration(now - step.startedAt);
    const isBlocked = step.state === 'blocked';
    const symbol = isBlocked ? yellow('◌') : cyan('●');
    const text = isBlocked ? (step.reason ?? 'waits') : [step.title, step.reason].filter(Boolean).join(' · ');
    lines.push(stepLine(symbol, step, text, time, view, screen));
    for (const output of tailRows > 0 ? step.tail.slice(-tailRows) : []) {
      lines.push(dim(`    ${cut(output, screen.columns - 5)}`));
    }
  }
  for (const output of outputs.slice(0, room)) {
    const time = formatDuration(now - output.startedAt);
    lines.push(line(cyan('●'), output.name, output.message ?? '', time, stageWidth(view, screen), screen));
  }
  lines.push(totalLine(view, now, active.length - shown.length, screen));
  return lines;
}

/** Lines of output for each running step: up to six, fewer when many run or the terminal is low. */
function tailRowsFor(steps: number, room: number): number {
  if (steps === 0) return 0;
  return Math.max(0, Math.min(6, Math.floor(12 / steps), Math.floor(room / steps) - 1));
}

function totalLine(view: BuildView, now: number, hidden: number, screen: Screen): string {
  const { ended, running, total } = countSteps(view);
  const parts = [total === 0 ? 'reading the plan' : `${ended} of ${plural(total, 'step')}`];
  if (running > 1) parts.push(`${running} running`);
  if (hidden > 0) parts.push(`${hidden} not shown`);
  parts.push(formatDuration(now - view.startedAt));
  return screen.colors.bold(cut(`  ${parts.join(' · ')}`, screen.columns - 1));
}

function stepLine(
  symbol: string,
  step: StepView,
  text: string,
  right: string,
  view: BuildView,
  screen: Screen,
): string {
  return line(symbol, step.stage, text, right, stageWidth(view, screen), screen);
}

/** `symbol name text … right`: the text gives way first, then the name; never wider than the terminal less one. */
function line(
  symbol: string,
  name: string,
  text: string,
  right: string,
  nameWidth: number,
  screen: Screen,
): string {
  const { bold } = screen.colors;
  const width = screen.columns - 1;
  const rightWidth = displayWidth(right);
  const forName = Math.max(1, Math.min(nameWidth, width - 3 - rightWidth));
  const shownName = cut(name, forName);
  const forText = width - 2 - forName - 2 - (rightWidth > 0 ? rightWidth + 1 : 0);
  // A title that repeats the name, or that would be a few letters, says nothing.
  const shownText = text === name || forText < 6 ? '' : cut(text, forText);
  const left = shownText === '' ? shownName : `${pad(shownName, forName)}  ${shownText}`;
  const gap = Math.max(1, width - 2 - displayWidth(left) - rightWidth);
  const named = bold(shownName) + left.slice(shownName.length);
  return (rightWidth > 0 ? `${symbol} ${named}${' '.repeat(gap)}${right}` : `${symbol} ${named}`).trimEnd();
}

/** Columns for stage names: those of the longest, within reason. */
function stageWidth(view: BuildView, screen: Screen): number {
  let longest = 8;
  for (const step of view.steps) if (isShown(step)) longest = Math.max(longest, displayWidth(step.stage));
  for (const { name } of view.outputs.values()) longest = Math.max(longest, displayWidth(name));
  return Math.min(longest, Math.max(8, Math.floor(screen.columns / 3)));
}
