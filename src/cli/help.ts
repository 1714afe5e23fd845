/** What commands' helps share: the heading of their options, and examples at the end. */
import type { Command } from 'commander';

/** Heading of what stands in no group of its own, as commander has it. */
export const mainOptions = 'Options:';

/** Widest line of examples that is told beside its meaning. */
const helpColumns = 79;

/** Adds examples, each a command line and its meaning; gives back the command. */
export function addExamples(command: Command, examples: readonly (readonly [string, string])[]): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const isNarrow = examples.every(([, meaning]) => width + meaning.length + 4 <= helpColumns);
  const lines = examples.map(([line, meaning]) =>
    isNarrow ? `  ${line.padEnd(width)}  ${meaning}` : `  ${line}\n      ${meaning}`,
  );
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}
