/** How a command that ran isolated ended: told where it can't tell itself, and passed on as our exit code. */
import { constants } from 'node:os';
import { ExitCode, outside } from '../kit/errors.ts';
import { describeFailure, type RunResult } from '../workers/local/index.ts';
import { formatError } from './errors.ts';
import { colorsFor, tell } from './io.ts';

/** As timeout(1) has it. */
const timedOut = 124;

/** Sets the exit code: the command's own, or as a shell would have it. */
export function tellOutcome(result: RunResult, argv: readonly string[]): void {
  process.exitCode = exitCodeOf(result);
  if (process.exitCode === 0 || result.outcome === 'cancelled') return;
  const { message, hint } = describeFailure(result, argv);
  const colors = colorsFor(process.stderr);
  const error = outside(result.outcome, message, hint === undefined ? {} : { hint });
  const isOwn = result.outcome === 'exit' || result.outcome === 'signal';
  if (!isOwn) tell(formatError(error, colors));
  else if (hint !== undefined) tell(`${colors.cyan('hint:')} ${hint}\n`);
}

function exitCodeOf(result: RunResult): number {
  switch (result.outcome) {
    case 'exit':
    case 'not-found':
      return result.exitCode;
    case 'signal':
      return 128 + (constants.signals[result.signal as NodeJS.Signals] ?? 0);
    case 'out-of-memory':
      return 128 + constants.signals.SIGKILL;
    case 'timeout':
      return timedOut;
    case 'cancelled':
      return ExitCode.interrupted;
  }
}
