/** What is said when a build has ended: the step that failed and why, or what was done and saved. */
import { shortName } from '../images/references.ts';
import type { BuildDone, StepFailure } from '../plan/index.ts';
import { formatLocation } from './errors.ts';
import type { Colors } from './io.ts';
import { cleanLine, cut, formatBytes, formatDuration, shellWord } from './text.ts';

export interface FailedStep {
  id: string;
  stage: string;
  title: string;
}

/** Lines of output that a failure shows. */
const shownTail = 20;

/**
 * A failed step: what it was, its lines in the build file, its last output, and what to type next. `storeFlag` is
 * what a command needs to find the same store (` --store DIR`), or empty.
 */
export function formatFailure(
  step: FailedStep,
  failure: StepFailure,
  storeFlag: string,
  colors: Colors,
  columns = 80,
): string {
  const lines = [
    `${colors.red(colors.bold('error:'))} step ${colors.bold(`\`${step.stage}\``)} failed: ${outcomeOf(failure)}`,
  ];
  if (failure.location) lines.push(...formatLocation(failure.location, colors, columns));
  const tail = failure.tail.slice(-shownTail);
  if (tail.length > 0) {
    lines.push(tail.length === 1 ? 'Its last line of output:' : `Its last ${tail.length} lines of output:`);
    for (const text of tail) lines.push(`  ${colors.dim('|')} ${cut(cleanLine(text), 1000)}`.trimEnd());
  }
  if (failure.hint) lines.push(`${colors.cyan('hint:')} ${failure.hint}`);
  if (failure.workspaceKept) {
    lines.push(`${colors.cyan('hint:')} To look around where it failed: cambium shell --failed${storeFlag}`);
  }
  return `${lines.join('\n')}\n`;
}

/** The flag that finds the store again, after a space; empty for the one that is found without. */
export function storeFlagOf({ storeDir }: { storeDir?: string | undefined }): string {
  return storeDir === undefined ? '' : ` --store ${shellWord(storeDir)}`;
}

/** The message, with the facts that it may not hold itself. */
function outcomeOf(failure: StepFailure): string {
  const facts: string[] = [];
  const mention = (fact: string, mark: string) => {
    if (!failure.message.includes(mark)) facts.push(fact);
  };
  if (failure.exitCode !== undefined) mention(`exit code ${failure.exitCode}`, String(failure.exitCode));
  if (failure.signal !== undefined) mention(`signal ${failure.signal}`, failure.signal);
  // Each end by a limit says so.
  const saysLimit = failure.message.includes('limit');
  if (failure.memory && !saysLimit) {
    const { limitBytes, peakBytes } = failure.memory;
    mention(`limit ${formatBytes(limitBytes)}, peak ${formatBytes(peakBytes)}`, formatBytes(limitBytes));
  }
  if (failure.timeoutMs !== undefined && !saysLimit)
    mention(`after ${formatDuration(failure.timeoutMs)}`, formatDuration(failure.timeoutMs));
  return facts.length === 0 ? failure.message : `${failure.message} (${facts.join('; ')})`;
}

/** One line that ends a build. */
export function formatSummary(done: BuildDone, colors: Colors): string {
  const took = done.durationMs < 100 ? `${Math.round(done.durationMs)} ms` : formatDuration(done.durationMs);
  const saved = done.reused > 0 && done.savedMs >= 50 ? ` (${formatDuration(done.savedMs)} saved)` : '';
  const counts = `${done.ran} ran, ${done.reused} reused${saved}`;
  switch (done.outcome) {
    case 'done': {
      const tags = done.tags.length > 0 ? ` ${done.tags.map(shortName).join(', ')}` : '';
      const state = done.state === 'warm' ? `, ${colors.yellow('warm')}` : '';
      return `${colors.green(colors.bold('built'))}${tags} in ${took}${state}: ${counts}\n`;
    }
    case 'failed':
      return `${colors.red(colors.bold('failed'))} after ${took}: ${counts}\n`;
    case 'interrupted':
      return `${colors.yellow(colors.bold('interrupted'))} after ${took}: ${counts}, and the last good snapshots are kept\n`;
  }
}
