/** Errors of steps: where a person wrote the step, or the line of its script. */
import { UserError } from '../kit/errors.ts';
import type { PlanLocation, Step, StepFailure } from '../plan/index.ts';
import { failedLine, type ScriptFailure } from './failed-line.ts';

/** The error with the step's place, when it has none of its own. */
export function locate(error: unknown, location: PlanLocation | undefined): unknown {
  if (!(error instanceof UserError) || error.location !== undefined || location === undefined) return error;
  const { code, message, hint, exitCode, cause } = error;
  return new UserError({ code, message, exitCode, location, cause, ...(hint !== undefined && { hint }) });
}

/** The place of a failure, and its sentence where a line of the step's script is to blame. */
export function whereIn(
  step: Step,
  failure: ScriptFailure & Pick<StepFailure, 'message'>,
): Partial<Pick<StepFailure, 'location' | 'message'>> {
  const { location, script } = step;
  if (location === undefined) return {};
  const line = failedLine(step, failure);
  if (line === undefined || script === undefined) return { location };
  const at = script.line + line - 1;
  return {
    location: { file: location.file, line: at, endLine: at },
    message: `${failure.message.replace(/\.$/, '')} in line ${line} of its script.`,
  };
}
