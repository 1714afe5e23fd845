/** The value of `-o`: comma-separated `key=value` fields, with quotes as CSV has them, as `docker buildx build` reads it. */
import { resolve } from 'node:path';
import { normaliseTag } from '../images/references.ts';
import { type Compression, compressions } from '../images/registry/compressions.ts';
import { wrongUse } from '../kit/errors.ts';
import { parseVolumeUrl } from '../volumes/names.ts';
import { parseChoice } from './values.ts';

export const outputTypes = ['oci', 'docker', 'registry', 'tar', 'local'] as const;
export type OutputType = (typeof outputTypes)[number];

export interface OutputFlag {
  type: OutputType;
  /** Absolute host path, ending in `/` where the person wrote so, or `volume://NAME/PATH`; `-` is standard output; absent: the Docker daemon. */
  dest?: string;
  /** Whether it is written as one tar file; else as a folder. */
  tar: boolean;
  /** Names written into the output, instead of the image's tags; for `registry`, where the image goes. */
  names: string[];
  /** For `registry`: see `OutputRequest`. */
  compression?: Compression;
  force?: boolean;
  insecure?: boolean;
}

const knownFields = ['type', 'dest', 'tar', 'name'];
const registryFields = ['type', 'name', 'push', 'compression', 'force-compression', 'registry.insecure'];

/** One `-o` value. `-o DIR` is `type=local,dest=DIR`; `-o -` is `type=tar,dest=-`. */
export function parseOutput(text: string, cwd: string): OutputFlag {
  const fields = splitCsv(text);
  const only = fields.length === 1 ? (fields[0] as string) : '';
  if (only !== '' && !only.includes('=')) {
    return only === '-'
      ? { type: 'tar', dest: '-', tar: true, names: [] }
      : { type: 'local', dest: checkedFolder(absolute(only, cwd), false), tar: false, names: [] };
  }
  const values = readFields(
    fields,
    text,
    /^(.*,)?type=registry(,|$)/.test(text) ? registryFields : knownFields,
  );
  const typeText = values.get('type');
  if (typeText === undefined) {
    throw wrongUse('bad-output', `The output \`${text}\` has no type.`, {
      hint: `Write type=T,dest=D, where T is one of ${outputTypes.join(', ')}.`,
    });
  }
  const type = parseChoice('-o type', typeText, outputTypes);
  const names = (values.get('name') ?? '').split(',').filter((name) => name !== '');
  for (const name of names) normaliseTag(name);
  if (type === 'registry') return { type, tar: false, names, ...registryOptions(values) };
  const dest = values.get('dest');
  if (dest === undefined && type === 'docker') return { type, tar: true, names };
  if (dest === undefined || dest === '') {
    throw wrongUse('bad-output', `The output \`${text}\` has no dest: where shall it be written?`, {
      hint: `For example: -o type=${type},dest=${type === 'local' ? 'out/' : 'image.tar'}`,
    });
  }
  const tar = wantsTar(type, dest, values.get('tar'));
  if (dest === '-' && !tar) {
    throw wrongUse(
      'bad-output',
      `The output \`${text}\` is a folder: it can't be written to standard output.`,
    );
  }
  return { type, dest: checkedFolder(absolute(dest, cwd), tar), tar, names };
}

/** An image over the files of this machine would be its end: `-o "$UNSET/"`. */
function checkedFolder(dest: string, tar: boolean): string {
  if (dest === '/' && !tar)
    throw wrongUse('bad-output', 'An image is not written over the root folder of this machine.', {
      hint: 'Name a folder of its own: -o out',
    });
  return dest;
}

/** All `-o` values; only one of them may be standard output, and no two the same place. */
export function parseOutputs(texts: readonly string[], cwd: string): OutputFlag[] {
  const outputs = texts.map((text) => parseOutput(text, cwd));
  const seen = new Set<string | undefined>();
  for (const { dest, type } of outputs) {
    // Two registries may be two.
    if (type === 'registry') continue;
    if (seen.has(dest)) {
      const where = dest === '-' ? 'standard output' : (dest ?? 'the Docker daemon');
      throw wrongUse('bad-output', `Two outputs go to ${where}.`);
    }
    seen.add(dest);
  }
  return outputs;
}

function registryOptions(values: ReadonlyMap<string, string>): Partial<OutputFlag> {
  const compression = values.get('compression');
  const isTrue = (name: string) =>
    parseChoice(`-o ${name}`, values.get(name) ?? 'false', ['true', 'false']) === 'true';
  return {
    ...(compression !== undefined && {
      compression: parseChoice('-o compression', compression, compressions),
    }),
    ...(isTrue('force-compression') && { force: true }),
    ...(isTrue('registry.insecure') && { insecure: true }),
  };
}

function readFields(fields: readonly string[], text: string, known: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const field of fields) {
    const at = field.indexOf('=');
    if (at < 1)
      throw wrongUse('bad-output', `The output \`${text}\` has a field that isn't key=value: \`${field}\`.`);
    const name = parseChoice('-o field', field.slice(0, at).trim().toLowerCase(), known);
    values.set(name, field.slice(at + 1));
  }
  return values;
}

function wantsTar(type: OutputType, dest: string, given: string | undefined): boolean {
  if (type === 'local') return false;
  if (type === 'tar' || type === 'docker') return true;
  if (given === undefined) return !dest.endsWith('/');
  return parseChoice('-o tar', given, ['true', 'false']) === 'true';
}

function absolute(path: string, cwd: string): string {
  if (path === '-' || parseVolumeUrl(path) !== undefined) return path;
  const resolved = resolve(cwd, path);
  return path.endsWith('/') && resolved !== '/' ? `${resolved}/` : resolved;
}

/** One line of CSV: fields may be quoted (`"type=local","dest=a,b"`), a doubled quote stands for itself. */
function splitCsv(text: string): string[] {
  const fields: string[] = [];
  let at = 0;
  do {
    let field = '';
    if (text[at] === '"') {
      for (at += 1; ; at++) {
        if (at >= text.length)
          throw wrongUse('bad-output', `The output \`${text}\` has a quote that doesn't end.`);
        if (text[at] === '"' && text[at + 1] !== '"') break;
        if (text[at] === '"') at += 1;
        field += text[at];
      }
      at += 1;
      if (at < text.length && text[at] !== ',') {
        throw wrongUse('bad-output', `The output \`${text}\` has text after a closing quote.`);
      }
    } else {
      const comma = text.indexOf(',', at);
      const end = comma < 0 ? text.length : comma;
      field = text.slice(at, end);
      at = end;
    }
    fields.push(field);
  } while (text[at++] === ',');
  return fields;
}
