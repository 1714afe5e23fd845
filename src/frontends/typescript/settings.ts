/** Typed settings of a build file in TypeScript: their values as given, and `setting`, which checks them. */
import { wrongUse } from '../../kit/errors.ts';
import { didYouMean } from '../../kit/suggest.ts';
import type { PlanLocation } from '../../plan/index.ts';
import type { Complaint } from '../complaints.ts';
import { readText } from '../spec/settings.ts';
import type { Settings } from './cambium.d.ts';

export interface GivenSettings {
  values: ReadonlyMap<string, string>;
  /** Those of `--set`. */
  set: readonly string[];
}

/** Values of a settings file (a JSON object, or lines `name=value`), and `--set` on top. */
export function givenSettings(
  file: string | undefined,
  set: Readonly<Record<string, string>>,
): GivenSettings {
  const fromFile = file === undefined ? [] : parseFile(file, readText(file));
  return { values: new Map([...fromFile, ...Object.entries(set)]), set: Object.keys(set) };
}

function parseFile(file: string, text: string): [string, string][] {
  return /^\s*\{/.test(text) ? parseJson(file, text) : parseLines(file, text);
}

function parseJson(file: string, text: string): [string, string][] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrongUse('bad-settings-file', `The settings file is not JSON: ${(error as Error).message}.`, {
      location: { file },
    });
  }
  return Object.entries(value as Record<string, unknown>).map(([name, item]) => {
    if (typeof item === 'string') return [name, item];
    if (typeof item === 'number' || typeof item === 'boolean') return [name, String(item)];
    throw wrongUse('bad-settings-file', `The setting ${name} must be a text, a number, true or false.`, {
      location: { file },
    });
  });
}

function parseLines(file: string, text: string): [string, string][] {
  const pairs: [string, string][] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const match =
      /^\s*(?:export\s+)?([A-Za-z_]\w*)=(?:'([^']*)'|"([^"$`\\]*)"|([^\s'"$`\\#]*))\s*(?:#.*)?$/.exec(line);
    if (!match) {
      throw wrongUse(
        'bad-settings-file',
        'A line of a settings file must be name=value, with quotes around spaces.',
        {
          location: { file, line: index + 1, column: line.search(/\S/) + 1 },
        },
      );
    }
    pairs.push([match[1] as string, match[2] ?? match[3] ?? match[4] ?? '']);
  }
  return pairs;
}

/** The `setting` of one build file. What is wrong goes to `complaints`, and a stand-in lets the file be read on. */
export function settingFunctions(
  given: GivenSettings,
  declared: Map<string, string>,
  complaints: Complaint[],
  here: () => PlanLocation,
): Settings {
  const read = <T extends string | number | boolean>(
    name: string,
    fallback: T | undefined,
    standIn: T,
    parse: (text: string) => T | { wrong: string },
  ): T => {
    const text = given.values.get(name);
    const complain = (code: string, message: string, hint?: string) => {
      const { file, line } = here();
      complaints.push({
        code,
        message,
        location: { file, ...(line === undefined ? {} : { line }) },
        ...(hint ? { hint } : {}),
      });
      return standIn;
    };
    const value = text === undefined ? fallback : parse(text);
    declared.set(name, String(typeof value === 'object' ? text : (value ?? '')));
    if (value === undefined) {
      return complain(
        'missing-setting',
        `The setting ${name} is missing.`,
        `Give it with --set ${name}=VALUE.`,
      );
    }
    return typeof value === 'object'
      ? complain('bad-setting', `The setting ${name} ${value.wrong}, not "${text}".`)
      : value;
  };
  return {
    string: (name, { default: fallback, pattern } = {}) =>
      read(name, fallback, '', (text) =>
        matchesAll(pattern, text) ? text : { wrong: `must match ${pattern}` },
      ),
    number: (name, { default: fallback, ...limits } = {}) =>
      read(name, fallback, limits.min ?? 0, (text) => parseNumber(text, limits)),
    boolean: (name, { default: fallback } = {}) => read(name, fallback, false, parseBoolean),
    enum: (name, values, { default: fallback } = {}) =>
      read(name, fallback, values[0] as (typeof values)[number], (text) => {
        const value = values.find((candidate) => candidate === text);
        return value ?? { wrong: `must be one of ${values.join(', ')}` };
      }),
  };
}

/** Complains about each `--set` that no setting of the file was declared for. */
export function checkDeclared(
  given: GivenSettings,
  declared: ReadonlyMap<string, string>,
  complaints: Complaint[],
): void {
  for (const name of given.set) {
    if (declared.has(name)) continue;
    const known = [...declared.keys()];
    const hint = didYouMean(
      name,
      known,
      known.length === 0 ? undefined : `The settings are ${known.join(', ')}.`,
    );
    complaints.push({
      code: 'unknown-setting',
      message: `--set ${name}: the build file has no such setting.`,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

function matchesAll(pattern: RegExp | undefined, text: string): boolean {
  return (
    pattern === undefined ||
    new RegExp(`^(?:${pattern.source})$`, pattern.flags.replace(/[gy]/g, '')).test(text)
  );
}

function parseNumber(
  text: string,
  { min, max, integer }: { min?: number; max?: number; integer?: boolean },
): number | { wrong: string } {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) return { wrong: 'must be a number' };
  if (integer === true && !Number.isInteger(value)) return { wrong: 'must be a whole number' };
  if (min !== undefined && value < min) return { wrong: `must be at least ${min}` };
  return max !== undefined && value > max ? { wrong: `must be at most ${max}` } : value;
}

function parseBoolean(text: string): boolean | { wrong: string } {
  if (/^(true|yes|on|1)$/i.test(text)) return true;
  return /^(false|no|off|0)$/i.test(text) ? false : { wrong: 'must be true or false' };
}
