/** Which parts of an instruction variables hold in, and the instruction with them replaced. */
import { blame, placeOfText } from './complain.ts';
import { type ExpandOptions, type Expansion, ExpansionError, expand } from './expand.ts';
import { MountError, parseMount } from './mounts.ts';
import { blameMount } from './running.ts';
import type {
  CopyBase,
  EscapeToken,
  HeredocFile,
  KeyValue,
  RunInstruction,
  StageInstruction,
} from './types.ts';

export interface Variables {
  escape: EscapeToken;
  /** The value of a variable; undefined: it isn't set. */
  lookup: (name: string) => string | undefined;
}

export interface Expanded<T> {
  instruction: T;
  /** Variables that were used, and set. */
  used: ReadonlySet<string>;
  /** Variables that were used and not set (rule UndefinedVar). */
  unset: ReadonlySet<string>;
}

type Expand = (word: string, options?: ExpandOptions) => Expansion;

/**
 * Replaces variables in all parts of an instruction where they hold, and reads a RUN's mounts. CMD, ENTRYPOINT, SHELL,
 * HEALTHCHECK, ONBUILD, MAINTAINER and RUN's command stay as they are: a shell expands those later, if any does. ARG
 * stays too, since whether its default counts depends on what was given: its words go through `expandWord`.
 * Throws a UserError that points at the word.
 */
export function expandInstruction<T extends StageInstruction>(
  instruction: T,
  variables: Variables,
): Expanded<T> {
  const used = new Set<string>();
  const unset = new Set<string>();
  const run: Expand = (word, options) => {
    const result = expandWord(instruction, word, { ...variables, ...options });
    for (const name of result.used) used.add(name);
    for (const name of result.unset) unset.add(name);
    return result;
  };
  return { instruction: { ...instruction, ...changesOf(instruction, run) }, used, unset };
}

/** Expands one word of an instruction. Throws a UserError that points at it. */
export function expandWord(
  instruction: Pick<StageInstruction, 'text' | 'location' | 'pieces'>,
  word: string,
  options: ExpandOptions,
): Expansion {
  try {
    return expand(word, options);
  } catch (error) {
    if (!(error instanceof ExpansionError)) throw error;
    const place = placeOfText(instruction, word);
    throw blame(
      { location: place, pieces: [] },
      `\`${shorten(word)}\` can't be expanded: ${error.message}.`,
      {
        code: 'bad-substitution',
      },
    );
  }
}

function shorten(word: string): string {
  const line = word.split('\n')[0] ?? '';
  return line.length === word.length && word.length <= 80 ? word : `${line.slice(0, 80)}…`;
}

function changesOf(instruction: StageInstruction, run: Expand): Partial<StageInstruction> {
  const word = (text: string) => run(text).text;
  switch (instruction.type) {
    case 'env':
    case 'label':
      return { pairs: instruction.pairs.map((pair) => expandPair(pair, word)) };
    case 'copy':
      return copyChanges(instruction, run);
    case 'add': {
      const { checksum } = instruction;
      const changes = copyChanges(instruction, run);
      return { ...changes, ...(checksum === undefined ? {} : { checksum: word(checksum) }) };
    }
    case 'run':
      return { mounts: instruction.mountFlags.map((flag) => expandMount(instruction, flag, word)) };
    case 'workdir':
      return { path: word(instruction.path) };
    case 'user':
      return { user: word(instruction.user) };
    case 'volume':
      return { paths: instruction.paths.map(word) };
    case 'stopsignal':
      return { signal: word(instruction.signal) };
    case 'expose':
      return { ports: instruction.ports.flatMap((port) => run(port).words) };
    default:
      return {};
  }
}

function expandPair({ key, value, legacy }: KeyValue, word: (text: string) => string): KeyValue {
  return { key: word(key), value: word(value), legacy };
}

function copyChanges(copy: CopyBase, run: Expand) {
  const word = (text: string) => run(text).text;
  return {
    ...(copy.chown === undefined ? {} : { chown: word(copy.chown) }),
    ...(copy.chmod === undefined ? {} : { chmod: word(copy.chmod) }),
    sources: copy.sources.map(word),
    dest: word(copy.dest),
    files: copy.files.map((file) => expandFile(file, run)),
  };
}

/** In a heredoc's body, quotes mean nothing and the escape token is always `\`. */
function expandFile(file: HeredocFile, run: Expand): HeredocFile {
  if (!file.expand) return file;
  return { ...file, content: run(file.content, { escape: '\\', ignoreQuotes: true }).text };
}

function expandMount(instruction: RunInstruction, flag: string, word: (text: string) => string) {
  try {
    return parseMount(flag, word);
  } catch (error) {
    if (error instanceof MountError) throw blameMount(instruction, flag, error);
    throw error;
  }
}
