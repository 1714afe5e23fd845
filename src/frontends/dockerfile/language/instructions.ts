/** Raw instructions → typed ones. Each instruction's rules are in one function. */
import { didYouMean } from '../../../kit/suggest.ts';
import { gap, trim } from './characters.ts';
import { blame } from './complain.ts';
import { mixedJson, readAdd, readCopy } from './copying.ts';
import { readFlags } from './flags.ts';
import { type RawInstruction, readJsonWords, splitText } from './raw.ts';
import { readCmd, readEntrypoint, readHealthcheck, readRun, readShell } from './running.ts';
import { commonOf, descriptionOf } from './shared.ts';
import type {
  ArgDefinition,
  ArgInstruction,
  ExposeInstruction,
  FromInstruction,
  Instruction,
  OnbuildInstruction,
  VolumeInstruction,
} from './types.ts';
import { readPairs, readWords } from './words.ts';

type Reader = (raw: RawInstruction) => Instruction;

const readers: Readonly<Record<Instruction['type'], Reader>> = {
  add: readAdd,
  arg: readArg,
  cmd: readCmd,
  copy: readCopy,
  entrypoint: readEntrypoint,
  env: (raw) => ({ ...withoutFlags(raw), type: 'env', pairs: readPairs(raw) }),
  expose: readExpose,
  from: readFrom,
  healthcheck: readHealthcheck,
  label: (raw) => ({ ...withoutFlags(raw), type: 'label', pairs: readPairs(raw) }),
  maintainer: (raw) => ({ ...withoutFlags(raw), type: 'maintainer', name: onlyArgument(raw) }),
  onbuild: readOnbuild,
  run: readRun,
  shell: readShell,
  // Flags of STOPSIGNAL and ARG mean nothing, and aren't refused.
  stopsignal: (raw) => ({ ...commonOf(raw), type: 'stopsignal', signal: onlyArgument(raw) }),
  user: (raw) => ({ ...withoutFlags(raw), type: 'user', user: onlyArgument(raw) }),
  volume: readVolume,
  workdir: (raw) => ({ ...withoutFlags(raw), type: 'workdir', path: onlyArgument(raw) }),
};

/** Names of all instructions, in upper case. */
export const instructionNames: readonly string[] = Object.keys(readers).map((name) => name.toUpperCase());

/** Throws a UserError that points at what is wrong. */
export function readInstruction(raw: RawInstruction): Instruction {
  const name = raw.keyword.toLowerCase();
  if (!isInstruction(name)) {
    throw blame(raw, `There is no instruction ${raw.keyword}.`, {
      offset: 0,
      code: 'unknown-instruction',
      hint: didYouMean(
        raw.keyword.toUpperCase(),
        instructionNames,
        `Instructions: ${instructionNames.join(', ')}.`,
      ),
    });
  }
  return readers[name](raw);
}

function isInstruction(name: string): name is Instruction['type'] {
  return Object.hasOwn(readers, name);
}

function withoutFlags(raw: RawInstruction) {
  readFlags(raw, {});
  return commonOf(raw);
}

function onlyArgument(raw: RawInstruction): string {
  if (raw.rest === '') throw blame(raw, `${raw.keyword.toUpperCase()} needs exactly one argument.`);
  return raw.rest;
}

function readFrom(raw: RawInstruction): FromInstruction {
  const words = raw.rest === '' ? [] : raw.rest.split(gap);
  const [base, asKeyword, writtenName] = words;
  const hint = 'Write FROM IMAGE, or FROM IMAGE AS NAME.';
  const isNamed = words.length === 3 && asKeyword?.toLowerCase() === 'as';
  if (base === undefined || (words.length !== 1 && !isNamed)) {
    throw blame(raw, 'FROM has either one argument or three, the second being AS.', { hint });
  }
  const flags = readFlags(raw, { platform: 'string' });
  const platform = flags.text('platform');
  const from = {
    ...commonOf(raw),
    type: 'from' as const,
    base,
    ...(platform === undefined ? {} : { platform }),
  };
  if (asKeyword === undefined || writtenName === undefined) return from;
  const name = writtenName.toLowerCase();
  if (!/^[a-z][a-z0-9-_.]*$/.test(name)) {
    throw blame(raw, `A stage can't be named \`${writtenName}\`.`, {
      offset: raw.text.length - writtenName.length,
      hint: 'A name starts with a letter and holds letters, digits, `-`, `_` and `.`.',
    });
  }
  return { ...from, name, writtenName, asKeyword, ...descriptionOf(raw.comments, name) };
}

function readArg(raw: RawInstruction): ArgInstruction {
  const words = readWords(raw);
  if (words.length === 0) throw blame(raw, 'ARG needs at least one name.');
  const args = words.map(({ text, offset }): ArgDefinition => {
    const equals = text.indexOf('=');
    if (equals === 0) throw blame(raw, 'ARG has a name that is empty.', { offset });
    const name = equals < 0 ? text : text.slice(0, equals);
    return {
      name,
      ...(equals < 0 ? {} : { value: text.slice(equals + 1) }),
      ...descriptionOf(raw.comments, name),
    };
  });
  return { ...commonOf(raw), type: 'arg', args };
}

function readExpose(raw: RawInstruction): ExposeInstruction {
  if (raw.rest === '') throw blame(raw, 'EXPOSE needs at least one port.');
  return { ...withoutFlags(raw), type: 'expose', ports: raw.rest.split(gap).sort() };
}

function readVolume(raw: RawInstruction): VolumeInstruction {
  const json = readJsonWords(raw.rest);
  if (json === 'mixed') throw mixedJson(raw);
  const words = json ?? (raw.rest === '' ? [] : raw.rest.split(gap));
  if (words.length === 0) throw blame(raw, 'VOLUME needs at least one path.');
  const paths = words.map(trim);
  if (paths.includes('')) throw blame(raw, "A volume's path can't be empty.", { offset: raw.restOffset });
  return { ...withoutFlags(raw), type: 'volume', paths };
}

function readOnbuild(raw: RawInstruction): OnbuildInstruction {
  if (raw.rest === '') throw blame(raw, 'ONBUILD needs an instruction.');
  const base = withoutFlags(raw);
  const keyword = splitText(raw.rest, raw.escapeToken).keyword.toUpperCase();
  if (keyword === 'ONBUILD' || keyword === 'FROM' || keyword === 'MAINTAINER') {
    throw blame(raw, `ONBUILD can't hold ${keyword}.`, { offset: raw.restOffset });
  }
  const bodies = raw.heredocs.map(({ content, name }) => `\n${content}${name}`);
  const written = raw.text.replace(/^onbuild\s*/i, '');
  return { ...base, type: 'onbuild', trigger: written + bodies.join('') };
}
