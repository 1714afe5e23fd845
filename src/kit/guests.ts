/**
 * Programs of other people that ran in this process, as build files are. What they throw later, out of a timer or a promise, is theirs to
 * mend: they are known here, so that it isn't told as an error of our own.
 */
import type { UserError } from './errors.ts';

const guests = new Set<(error: unknown) => UserError | undefined>();

/** `explain` gives an error as its reader can act on it, where the program threw it. */
export function rememberGuest(explain: (error: unknown) => UserError | undefined): void {
  guests.add(explain);
}

/** The error as one of a program that ran here; undefined where none of them threw it. */
export function errorOfGuest(error: unknown): UserError | undefined {
  for (const explain of guests) {
    const explained = explain(error);
    if (explained !== undefined) return explained;
  }
  return undefined;
}
