/** Flags of an instruction (`--chown=1:2`): which ones it takes, and what was given. */
import { didYouMean } from '../../../kit/suggest.ts';
import { blame } from './complain.ts';
import type { RawFlag, RawInstruction } from './raw.ts';

/** `boolean` flags need no value; `strings` may be given several times. */
export type FlagKind = 'boolean' | 'string' | 'strings';

export interface Flags {
  /** Value of a `string` flag; undefined when it wasn't given or is empty. */
  text(name: string): string | undefined;
  /** Value of a `boolean` flag; undefined when it wasn't given. */
  boolean(name: string): boolean | undefined;
  /** Values of a `strings` flag. */
  list(name: string): readonly string[];
  /** Where the flag was given in the instruction's text. */
  offset(name: string): number | undefined;
}

const noFlags: Flags = {
  text: () => undefined,
  boolean: () => undefined,
  list: () => [],
  offset: () => undefined,
};

/** Throws a UserError that points at a flag that isn't known, lacks its value or stands there twice. */
export function readFlags(raw: RawInstruction, kinds: Readonly<Record<string, FlagKind>>): Flags {
  if (raw.flags.length === 0) return noFlags;
  const values = new Map<string, string[]>();
  const offsets = new Map<string, number>();
  for (const flag of raw.flags) {
    const [name, value] = readFlag(raw, flag, kinds, (one) => values.has(one));
    const before = values.get(name);
    if (before === undefined) values.set(name, [value]);
    else before.push(value);
    if (!offsets.has(name)) offsets.set(name, flag.offset);
  }
  return {
    text: (name) => values.get(name)?.[0] || undefined,
    boolean: (name) => (values.has(name) ? values.get(name)?.[0] === 'true' : undefined),
    list: (name) => values.get(name) ?? [],
    offset: (name) => offsets.get(name),
  };
}

/** The flag's name and value, checked. */
function readFlag(
  instruction: RawInstruction,
  { text, offset }: RawFlag,
  known: Readonly<Record<string, FlagKind>>,
  isGiven: (name: string) => boolean,
): [string, string] {
  const equals = text.indexOf('=');
  const written = equals < 0 ? text : text.slice(0, equals);
  const value = equals < 0 ? undefined : text.slice(equals + 1);
  const name = written.slice(2);
  const kind = Object.hasOwn(known, name) ? known[name] : undefined;
  const fail = (message: string, hint?: string, code = 'dockerfile-flag') =>
    blame(instruction, message, { offset, hint, code });
  if (kind === undefined) {
    const names = Object.keys(known).map((one) => `--${one}`);
    const all = names.length === 0 ? 'It takes no flags.' : `It takes ${names.join(', ')}.`;
    const keyword = instruction.keyword.toUpperCase();
    throw fail(`${keyword} has no flag ${written}.`, didYouMean(written, names, all), 'unknown-flag');
  }
  if (kind !== 'strings' && isGiven(name)) throw fail(`The flag ${written} is given twice.`);
  if (kind !== 'boolean') {
    if (value === undefined) throw fail(`The flag ${written} needs a value.`, `Write ${written}=VALUE.`);
    return [name, value];
  }
  const word = value?.toLowerCase() ?? 'true';
  if (word !== 'true' && word !== 'false') {
    throw fail(`The flag ${written} is either true or false, not \`${value}\`.`);
  }
  return [name, word];
}
