/** Tells an error that ended a command, in the form that the person or program asked for. */
import { asUserError, errorToJson, formatError, formatStack } from './errors.ts';
import { colorsFor, print, standardError, tell } from './io.ts';

let form: 'text' | 'json' = 'text';

/** With `--progress json` errors are told as JSON too, in the same stream. */
export function tellErrorsAsJson(): void {
  form = 'json';
}

/** Tells the error; gives the exit code. A stack is shown only when CAMBIUM_DEBUG=1 asks for it. */
export function reportError(error: unknown): number {
  const told = asUserError(error);
  if (form !== 'json' || !isPrinted(errorToJson(told)))
    tell(formatError(told, colorsFor(standardError), standardError.columns ?? 80));
  if (process.env['CAMBIUM_DEBUG'] === '1') tell(formatStack(error));
  return told.exitCode;
}

/** Whatever the events are written to may be what failed: a full disk takes no error either. */
function isPrinted(text: string): boolean {
  try {
    print(text);
    return true;
  } catch {
    return false;
  }
}
