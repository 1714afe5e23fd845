/** COPY and ADD: sources, heredocs given as sources, destination, flags. */
import { gap } from './characters.ts';
import { blame } from './complain.ts';
import { ExpansionError, expand } from './expand.ts';
import { readFlags } from './flags.ts';
import { chompHeredoc, type HeredocStart, heredocOf } from './heredoc.ts';
import { type RawInstruction, readJsonWords } from './raw.ts';
import { commonOf } from './shared.ts';
import type { AddInstruction, CopyInstruction, HeredocFile } from './types.ts';

const shared = { chown: 'string', chmod: 'string', link: 'boolean', exclude: 'strings' } as const;
const copyFlags = { from: 'string', ...shared, parents: 'boolean' } as const;
const addFlags = { ...shared, checksum: 'string', 'keep-git-dir': 'boolean', unpack: 'boolean' } as const;

export function readCopy(raw: RawInstruction): CopyInstruction {
  const paths = readPaths(raw);
  const flags = readFlags(raw, copyFlags);
  const from = flags.text('from');
  if (from !== undefined && isVariable(from)) {
    throw blame(raw, '`--from` can hold no variable.', {
      ...offsetOf(flags.offset('from')),
      hint: 'Give the image a name by a stage of its own, with a global ARG: FROM $IMAGE AS name.',
    });
  }
  return {
    ...commonOf(raw),
    type: 'copy',
    ...paths,
    ...commonFlags(flags),
    ...(from === undefined ? {} : { from }),
    parents: flags.boolean('parents') ?? false,
  };
}

export function readAdd(raw: RawInstruction): AddInstruction {
  const paths = readPaths(raw);
  const flags = readFlags(raw, addFlags);
  const checksum = flags.text('checksum');
  const keepGitDir = flags.boolean('keep-git-dir');
  const unpack = flags.boolean('unpack');
  return {
    ...commonOf(raw),
    type: 'add',
    ...paths,
    ...commonFlags(flags),
    ...(checksum === undefined ? {} : { checksum }),
    ...(keepGitDir === undefined ? {} : { keepGitDir }),
    ...(unpack === undefined ? {} : { unpack }),
  };
}

function commonFlags(flags: ReturnType<typeof readFlags>) {
  const [chown, chmod] = [flags.text('chown'), flags.text('chmod')];
  return {
    ...(chown === undefined ? {} : { chown }),
    ...(chmod === undefined ? {} : { chmod }),
    link: flags.boolean('link') ?? false,
    exclude: flags.list('exclude'),
  };
}

function offsetOf(offset: number | undefined): { offset?: number } {
  return offset === undefined ? {} : { offset };
}

/** Whether expansion would change the word, or can't read it. */
function isVariable(word: string): boolean {
  try {
    return expand(word).text !== word;
  } catch (error) {
    if (error instanceof ExpansionError) return true;
    throw error;
  }
}

function readPaths(raw: RawInstruction): { sources: string[]; files: HeredocFile[]; dest: string } {
  const json = readJsonWords(raw.rest);
  const keyword = raw.keyword.toUpperCase();
  if (json === 'mixed') throw mixedJson(raw);
  const words = json ?? (raw.rest === '' ? [] : raw.rest.split(gap));
  const dest = words.at(-1);
  if (dest === undefined || words.length < 2) {
    const hint = `Write ${keyword} SOURCE… DESTINATION.`;
    throw blame(raw, `${keyword} needs at least one source and a destination.`, { hint });
  }
  if (json === undefined && heredocIn(dest) !== undefined) {
    throw blame(raw, `${keyword} can't copy to a heredoc.`, { hint: 'A path must come last.' });
  }
  const sources: string[] = [];
  const files: HeredocFile[] = [];
  for (const word of words.slice(0, -1)) {
    const start = json === undefined ? heredocIn(word) : undefined;
    if (start === undefined) sources.push(word);
    else files.push(fileOf(raw, start));
  }
  return { sources, files, dest };
}

function fileOf(raw: RawInstruction, { name, chomp, expand: expands }: HeredocStart): HeredocFile {
  const content = raw.heredocs.findLast((heredoc) => heredoc.name === name)?.content ?? '';
  return { name, content: chomp ? chompHeredoc(content) : content, expand: expands };
}

function heredocIn(word: string): HeredocStart | undefined {
  try {
    return heredocOf(word);
  } catch (error) {
    if (error instanceof ExpansionError) return undefined;
    throw error;
  }
}

/** The error for a JSON array that holds other than strings. */
export function mixedJson(raw: RawInstruction) {
  const hint = 'Put double quotes around each element.';
  return blame(raw, 'The JSON array holds something else than strings.', { offset: raw.restOffset, hint });
}
