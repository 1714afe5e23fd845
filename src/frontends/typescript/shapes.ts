/**
 * Whether a build file called our functions with what they take: types are checked where an editor or `tsc` looks, and who
 * uses neither is told here.
 */
import { didYouMean } from '../../kit/suggest.ts';
import type { PlanLocation } from '../../plan/index.ts';
import type { Complaint } from '../complaints.ts';
import type { ImageEntry, StageEntry } from './authoring.ts';

interface Shape {
  /** As it stands after "must be". */
  words: string;
  fits(value: unknown): boolean;
}

const isText = (value: unknown) => typeof value === 'string';
const isPlain = (value: unknown) => isText(value) || typeof value === 'number' || typeof value === 'boolean';
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (fits: (value: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.every(fits);
const recordOf = (fits: (value: unknown) => boolean) => (value: unknown) =>
  isRecord(value) && Object.values(value).every(fits);

const text: Shape = { words: 'a text', fits: isText };
const whole = (value: unknown, most: number) =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most;
const mode: Shape = { words: 'a number from 0 to 0o7777', fits: (value) => whole(value, 0o7777) };
const texts: Shape = { words: 'a list of texts', fits: listOf(isText) };
const command: Shape = {
  words: 'a text, or a list of texts that begins with a program',
  fits: (value) => isText(value) || (texts.fits(value) && (value as string[])[0] !== undefined),
};
const textsByName: Shape = { words: 'an object of texts', fits: recordOf(isText) };
const values: Shape = { words: 'an object of texts, numbers and booleans', fits: recordOf(isPlain) };
const object: Shape = { words: 'an object', fits: isRecord };
const ports: Shape = {
  words: 'a list of numbers and texts',
  fits: listOf((value) => isText(value) || typeof value === 'number'),
};
/** -1 means "as it is" to chown(2). */
const largestId = 2 ** 32 - 2;
const owner: Shape = {
  words: 'an object { uid, gid } of whole numbers',
  fits: (value) => isRecord(value) && whole(value['uid'], largestId) && whole(value['gid'], largestId),
};
const network: Shape = {
  words: "'host', 'none' or 'nat'",
  fits: (value) => ['host', 'none', 'nat'].includes(value as string),
};
const list: Shape = { words: 'a list', fits: Array.isArray };
const image: Shape = {
  words: 'an image, as `image` makes it',
  fits: (value) => isRecord(value) && value['kind'] === 'image' && 'options' in value,
};
/** What is looked at elsewhere. */
const any: Shape = { words: '', fits: () => true };

const copying = { name: text, owner, mode };
const run = { env: values, volumes: textsByName, compute: object, warm: any };
const options: Readonly<Record<'image' | StageEntry['kind'], Readonly<Record<string, Shape>>>> = {
  image: {
    ...{ base: text, builder: text, stages: list, cmd: texts, entrypoint: texts, env: values },
    ...{ labels: textsByName, user: text, workdir: text, expose: ports, volumes: texts, stopSignal: text },
  },
  stage: { ...run, settings: values, inputs: texts },
  command: { ...run, name: text, cwd: text, user: text, network },
  copy: { ...copying, ignore: texts },
  'copy-from': copying,
};
const parameters: Readonly<Record<StageEntry['kind'], Readonly<Record<string, Shape>>>> = {
  stage: { name: text },
  command: { run: command },
  copy: { from: text, to: text },
  'copy-from': { other: image, path: text, to: text },
};

/** Complaints about an image and its stages. Where there are none, its options are what their types say. */
export function wrongShapes({ options: given, location }: ImageEntry): Complaint[] {
  const complaints = wrongOptions('image', given, location);
  if (complaints.length > 0) return complaints;
  return entriesOf(given.stages).flatMap((entry) => wrongEntry(entry, location));
}

/** The entries of `stages`, as one list, without those that are left out. */
export function entriesOf(stages: unknown): unknown[] {
  return (Array.isArray(stages) ? stages : []).flat(Number.POSITIVE_INFINITY as 1).filter(Boolean);
}

function wrongEntry(entry: unknown, location: PlanLocation): Complaint[] {
  if (!isEntry(entry)) {
    const hint =
      entry instanceof Promise
        ? 'Write `await` before the call of a function that is async.'
        : 'stage(), command(), copy() and copyFrom() make what belongs there.';
    return [
      { code: 'bad-stage', message: `\`stages\` holds ${nameOf(entry)}, which is no stage.`, hint, location },
    ];
  }
  const what = nameOfKind(entry.kind);
  const wrong = Object.entries(parameters[entry.kind]).flatMap(([name, shape]) =>
    complain(
      `\`${name}\` of \`${what}\``,
      shape,
      (entry as unknown as Record<string, unknown>)[name],
      entry.location,
    ),
  );
  return [...wrong, ...wrongOptions(entry.kind, entry.options, entry.location)];
}

function isEntry(entry: unknown): entry is StageEntry {
  return isRecord(entry) && Object.keys(parameters).includes(String(entry['kind'])) && 'location' in entry;
}

function wrongOptions(kind: keyof typeof options, given: unknown, location: PlanLocation): Complaint[] {
  const what = nameOfKind(kind);
  if (!isRecord(given)) return complain(`What \`${what}\` is told`, object, given, location);
  const known = options[kind];
  return Object.entries(given).flatMap(([name, value]) => {
    const shape = known[name];
    if (shape !== undefined)
      return value === undefined ? [] : complain(`\`${name}\` of \`${what}\``, shape, value, location);
    const hint = didYouMean(name, Object.keys(known));
    const message = `\`${what}\` has no option \`${name}\`.`;
    return [{ code: 'unknown-option', message, location, ...(hint && { hint }) }];
  });
}

function complain(subject: string, shape: Shape, value: unknown, location: PlanLocation): Complaint[] {
  if (shape.fits(value)) return [];
  return [
    { code: 'bad-type', message: `${subject} must be ${shape.words}, not ${nameOf(value)}.`, location },
  ];
}

function nameOfKind(kind: keyof typeof options): string {
  return kind === 'copy-from' ? 'copyFrom' : kind;
}

/** The value in a few words. */
function nameOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (value instanceof Promise) return 'a promise';
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object') return Array.isArray(value) ? 'a list' : 'an object';
  const said = isText(value) ? JSON.stringify(value) : String(value);
  return said.length > 40 ? `${said.slice(0, 39)}…` : said;
}
