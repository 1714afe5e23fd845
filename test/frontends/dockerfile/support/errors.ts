/** The UserError that a call throws. */
import { UserError } from '../../../../src/kit/errors.ts';

export function errorOf(call: () => unknown): UserError {
  try {
    call();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('It threw nothing.');
}
