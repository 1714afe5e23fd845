/** Errors of steps: where a person wrote the step. */
import { UserError } from '../kit/errors.ts';
import type { PlanLocation } from '../plan/index.ts';

/** The error with the step's place, when it has none of its own. */
export function locate(error: unknown, location: PlanLocation | undefined): unknown {
  if (!(error instanceof UserError) || error.location !== undefined || location === undefined) return error;
  const { code, message, hint, exitCode, cause } = error;
  return new UserError({ code, message, exitCode, location, cause, ...(hint !== undefined && { hint }) });
}
