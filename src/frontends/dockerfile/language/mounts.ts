/** `RUN --mount=…`: fields separated by commas, whose values may hold variables. */
import { posix } from 'node:path';
import { readSizeBytes } from '../../../kit/amounts.ts';
import { didYouMean } from '../../../kit/suggest.ts';
import type { RunMount } from './mount-types.ts';
import { readFields, readSwitch, readUnsigned } from './values.ts';

/** What is wrong with a mount; the caller knows where it stands. */
export class MountError extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

const types = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
type MountType = (typeof types)[number];
const sharings = ['shared', 'private', 'locked', 'fork'] as const;

/** Other names of keys. */
const aliases: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  readonly: 'ro',
  readwrite: 'rw',
};
const keys = ['type', 'from', 'source', 'target', 'ro', 'rw', 'id', 'sharing', 'required', 'size'].concat([
  'mode',
  'uid',
  'gid',
  'env',
]);
/** Keys that only some types have; all others do no harm elsewhere. */
const limited: Readonly<Record<string, readonly MountType[]>> = {
  required: ['secret', 'ssh'],
  size: ['tmpfs'],
  sharing: ['cache'],
  mode: ['secret', 'ssh', 'cache'],
  uid: ['secret', 'ssh', 'cache'],
  gid: ['secret', 'ssh', 'cache'],
};

/** Where a mount's content comes from, known before expansion: its `from`. Throws `MountError` for a variable there. */
export function mountSource(flag: string): string | undefined {
  let from: string | undefined;
  for (const [key, value] of fieldsOf(flag)) {
    if (key.toLowerCase() !== 'from' || value === undefined) continue;
    const dollar = value.indexOf('$');
    if (dollar >= 0 && dollar !== value.length - 1) {
      throw new MountError(
        '`from` can hold no variable.',
        'Give the image a name by a stage of its own: FROM … AS name.',
      );
    }
    from = value;
  }
  return from || undefined;
}

/** Reads a mount whose variables `expand` replaces. Throws `MountError`. */
export function parseMount(flag: string, expand: (value: string) => string): RunMount {
  const values = new Map<string, string>();
  let readOnly: boolean | undefined;
  for (const [written, raw] of fieldsOf(flag)) {
    const key = aliases[written.toLowerCase()] ?? written.toLowerCase();
    if (!keys.includes(key)) throw unknownKey(written);
    if (raw === undefined && !['ro', 'rw', 'required'].includes(key)) {
      throw new MountError(`The mount's \`${written}\` needs a value.`, `Write ${written}=VALUE.`);
    }
    const value = raw === undefined ? 'true' : expand(raw);
    values.set(key, value);
    if (key === 'ro' || key === 'rw') readOnly = readFlag(key, value) === (key === 'ro');
  }
  const type = oneOf('type', (values.get('type') ?? 'bind').toLowerCase(), types);
  for (const [key, allowed] of Object.entries(limited)) {
    if (values.has(key) && !allowed.includes(type)) {
      throw new MountError(
        `A mount of type ${type} has no \`${key}\`.`,
        `Types that have it: ${allowed.join(', ')}.`,
      );
    }
  }
  return makeMount(type, values, readOnly);
}

function makeMount(type: MountType, values: ReadonlyMap<string, string>, ro: boolean | undefined): RunMount {
  const text = (key: string) => values.get(key) || undefined;
  const target = text('target');
  const source = values.get('source') ?? '';
  const from = text('from');
  const owner = { uid: number(values, 'uid', 10) ?? 0, gid: number(values, 'gid', 10) ?? 0 };
  const mode = number(values, 'mode', 8);
  const required = values.has('required') && readFlag('required', values.get('required') ?? '');
  switch (type) {
    case 'bind':
      return { type, ...(from && { from }), source, target: target ?? '', readOnly: ro ?? true };
    case 'cache': {
      const { uid, gid } = { uid: number(values, 'uid', 10), gid: number(values, 'gid', 10) };
      return {
        type,
        id: text('id') ?? cleaned(target ?? ''),
        target: target ?? '',
        readOnly: ro ?? false,
        sharing: oneOf('sharing', (text('sharing') ?? 'shared').toLowerCase(), sharings),
        ...(from && { from }),
        source,
        ...(uid !== undefined && { uid }),
        ...(gid !== undefined && { gid }),
        ...(mode !== undefined && { mode }),
      };
    }
    case 'tmpfs': {
      const size = values.get('size');
      const sizeBytes = size === undefined ? undefined : readSizeBytes(size);
      if (size !== undefined && sizeBytes === undefined) throw badValue('size', size, 'Write 64m or 1g.');
      return { type, target: target ?? '', ...(sizeBytes && { sizeBytes }), readOnly: ro ?? false };
    }
    case 'secret':
      return secret(values, { ...owner, mode: mode ?? 0o400, required });
    case 'ssh':
      if (source !== '')
        throw new MountError('A mount of type ssh has no `source`.', 'Name the agent by `id`.');
      return {
        type,
        id: text('id') ?? 'default',
        ...(target && { target }),
        required,
        ...owner,
        mode: mode ?? 0o600,
      };
  }
}

type SecretRest = { uid: number; gid: number; mode: number; required: boolean };

function secret(values: ReadonlyMap<string, string>, rest: SecretRest): RunMount {
  const [source, target] = [values.get('source') || undefined, values.get('target') || undefined];
  const givenId = values.get('id') || undefined;
  if (values.get('from')) throw new MountError('A mount of type secret has no `from`.');
  if (source !== undefined && givenId !== undefined) {
    throw new MountError("A secret's mount has either `id` or `source`, not both.");
  }
  const id = source ?? givenId ?? (target === undefined ? undefined : posix.basename(target));
  if (id === undefined) {
    throw new MountError("The secret's mount names no secret.", 'Write --mount=type=secret,id=NAME.');
  }
  const env = values.get('env');
  const path = target ?? (env === undefined ? `/run/secrets/${posix.basename(id)}` : undefined);
  return {
    type: 'secret',
    id,
    ...(path && { target: path }),
    ...(env !== undefined && { env: env || id }),
    ...rest,
  };
}

/** `key=value` or `key` alone. */
function fieldsOf(flag: string): [string, string | undefined][] {
  const fields = flag === '' ? undefined : readFields(flag);
  if (fields === undefined) {
    throw new MountError("The mount's fields can't be read: a quote must begin and end a field.");
  }
  return fields.map((field) => {
    const equals = field.indexOf('=');
    return equals < 0 ? [field, undefined] : [field.slice(0, equals), field.slice(equals + 1)];
  });
}

/** As Go's `path.Clean`: names the cache of a target. */
function cleaned(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

function number(values: ReadonlyMap<string, string>, key: string, base: 8 | 10): number | undefined {
  const text = values.get(key);
  if (text === undefined) return undefined;
  const value = readUnsigned(text, base);
  if (value === undefined)
    throw badValue(key, text, base === 8 ? 'It is octal, as 0755.' : 'It is a number.');
  return value;
}

function readFlag(key: string, text: string): boolean {
  const value = readSwitch(text);
  if (value === undefined) throw badValue(key, text, 'It is true or false.');
  return value;
}

function oneOf<T extends string>(key: string, text: string, words: readonly T[]): T {
  const found = words.find((word) => word === text);
  if (found === undefined)
    throw badValue(key, text, didYouMean(text, words, `It is one of ${words.join(', ')}.`));
  return found;
}

function badValue(key: string, value: string, hint: string | undefined): MountError {
  return new MountError(`The mount's \`${key}\` can't be \`${value}\`.`, hint);
}

function unknownKey(key: string): MountError {
  const all = [...keys, ...Object.keys(aliases)];
  return new MountError(`A mount has no \`${key}\`.`, didYouMean(key, all, `It has ${keys.join(', ')}.`));
}
