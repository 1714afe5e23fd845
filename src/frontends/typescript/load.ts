/** Runs a build file in TypeScript and tells what is wrong with it at the place that a person wrote. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { type SourceLocation, UserError, wrongUse } from '../../kit/errors.ts';
import { rememberGuest } from '../../kit/guests.ts';
import { didYouMean } from '../../kit/suggest.ts';
import { authoringModule, authoringNames, callerLocation, type ImageEntry } from './authoring.ts';
import type { Settings } from './cambium.d.ts';
import { keepProgram, keptProgram, runKept, standsAlone } from './compiled.ts';
import { asGuest } from './guest.ts';

/** The default export of the build file `path`; `setting` is what it imports under that name. */
export async function runProgram(
  path: string,
  setting: Settings,
  cacheDir: string | undefined,
): Promise<ImageEntry> {
  const folder = dirname(path);
  const cambium = authoringModule(folder, path, setting);
  let exported: unknown;
  rememberGuest((error) => lateError(error, path, folder));
  try {
    exported = await asGuest(() => run(path, cambium, cacheDir));
  } catch (error) {
    throw programError(error, path, folder);
  }
  if (isImage(exported)) return exported;
  throw wrongUse('no-image', 'The build file has no image as its default export.', {
    hint: 'It must end with `export default image({ … })`.',
    location: { file: path },
  });
}

async function run(path: string, cambium: object, cacheDir: string | undefined): Promise<unknown> {
  const text = readFileSync(path, 'utf8');
  const isKept = cacheDir !== undefined && standsAlone(text);
  const kept = isKept ? keptProgram(cacheDir, text) : undefined;
  if (kept !== undefined) return runKept(kept, path, cambium);
  // Required, not imported: Node reads a CommonJS package twice to import it, and this one is large.
  const { createJiti } = createRequire(import.meta.url)('jiti') as typeof import('jiti');
  const jiti = createJiti(path, {
    fsCache: cacheDir ?? false,
    moduleCache: false,
    interopDefault: true,
    virtualModules: { cambium },
  });
  const exported = await jiti.import(path, { default: true });
  if (isKept)
    keepProgram(cacheDir, text, jiti.transform({ source: text, filename: path, ts: true, async: true }));
  return exported;
}

function isImage(value: unknown): value is ImageEntry {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    value.kind === 'image' &&
    'options' in value
  );
}

/**
 * What a timer or a promise of the program threw that nobody waited for. Where our own code runs from below its folder, that isn't its
 * own. Without a stack it is what our code never throws: a value that is no error.
 */
function lateError(error: unknown, path: string, folder: string): UserError | undefined {
  if (error instanceof UserError) return undefined;
  if (!(error instanceof Error)) return programError(error, path, folder) as UserError;
  if ('code' in error && error.code === 'ERR_UNHANDLED_REJECTION') {
    const reason = /reason "(.*)"\.$/s.exec(error.message)?.[1] ?? 'no error';
    return wrongUse('program-failed', `The build file rejected a promise with ${reason}.`, {
      location: { file: path },
      cause: error,
    });
  }
  const at = callerLocation(error, folder)?.file;
  const here = callerLocation(new Error(), '')?.file ?? '';
  if (at === undefined || dirname(at) === dirname(here)) return undefined;
  return programError(error, path, folder) as UserError;
}

function programError(error: unknown, path: string, folder: string): unknown {
  if (error instanceof UserError) return error;
  if (!(error instanceof Error)) {
    return wrongUse('program-failed', `The build file threw ${String(error)}.`, {
      location: { file: path },
      cause: error,
    });
  }
  const syntax = syntaxPlace(error, path);
  if (syntax !== undefined) {
    return wrongUse('syntax-error', `${syntax.message}.`, { location: syntax.location, cause: error });
  }
  // Imported names are fields of a module in the compiled text.
  const [message = ''] = error.message.replace(/\(0 ?, ?_\w+\.(\w+)\)/g, '$1').split('\n');
  const unknown = /^(\w+) is not a function$/.exec(message)?.[1];
  const hint = unknown === undefined ? undefined : didYouMean(unknown, authoringNames);
  const location = callerLocation(error, folder) ?? { file: path };
  return wrongUse('program-failed', `${error.name}: ${message}`, {
    location,
    cause: error,
    ...(hint && { hint }),
  });
}

/** Babel tells `ParseError: MESSAGE` and then ` FILE:LINE:COLUMN`, or ends its message with `(LINE:COLUMN)`. */
function syntaxPlace(error: Error, path: string): { message: string; location: SourceLocation } | undefined {
  const text = error.message;
  const place = /\s(\/\S+\.[cm]?[jt]sx?):(\d+):(\d+)/.exec(text) ?? /()\((\d+):(\d+)\)/.exec(text);
  if (!place || !/SyntaxError|ParseError/.test(`${error.name} ${error.constructor.name} ${text}`))
    return undefined;
  const file = place[1] || path;
  const line = Number(place[2]);
  const width = readFileSync(file, 'utf8').split('\n')[line - 1]?.length ?? 0;
  const message = text
    .slice(0, place.index)
    .replace(/^(ParseError|SyntaxError):\s*/, '')
    .replace(/^\/\S+:\s*/, '')
    .trim()
    .replace(/[.:]$/, '');
  return { message, location: { file, line, column: Math.min(Number(place[3]) + 1, width + 1) } };
}
