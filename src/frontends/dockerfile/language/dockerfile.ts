/** A whole Dockerfile: global ARGs, then stages. */
import { UserError } from '../../../kit/errors.ts';
import { blame, blameAt } from './complain.ts';
import { decodeDockerfile } from './decode.ts';
import { readInstruction } from './instructions.ts';
import { parseRaw, type RawDockerfile } from './parse.ts';
import type { ArgInstruction, Dockerfile, Instruction, Location, Stage, StageInstruction } from './types.ts';

export interface ReadDockerfile {
  /** What stands before the error, when there is one; undefined when the file can't be split into instructions. */
  dockerfile: Dockerfile | undefined;
  error: UserError | undefined;
}

/**
 * Parses a Dockerfile; `file` names it in messages. Throws a UserError that points at the first thing that is wrong.
 */
export function parseDockerfile(content: Uint8Array | string, file: string): Dockerfile {
  const { dockerfile, error } = readDockerfile(content, file);
  if (dockerfile === undefined || error !== undefined) throw error;
  return dockerfile;
}

/** Parses a Dockerfile up to the first thing that is wrong, so that checks can be told with the error. */
export function readDockerfile(content: Uint8Array | string, file: string): ReadDockerfile {
  let raw: RawDockerfile;
  try {
    raw = parseRaw(
      typeof content === 'string' ? withoutMark(content) : decodeDockerfile(content, file),
      file,
    );
  } catch (error) {
    if (error instanceof UserError) return { dockerfile: undefined, error };
    throw error;
  }
  const { escapeToken, directives, emptyContinuations } = raw;
  const globalArgs: ArgInstruction[] = [];
  const stages: OpenStage[] = [];
  const dockerfile = { file, escape: escapeToken, directives, globalArgs, stages, emptyContinuations };
  try {
    for (const one of raw.instructions) place(readInstruction(one), globalArgs, stages);
    if (stages.length > 0) return { dockerfile, error: undefined };
  } catch (error) {
    if (error instanceof UserError) return { dockerfile, error };
    throw error;
  }
  const hint = 'Add a FROM: it begins a stage.';
  const error = blameAt({ file }, 'The Dockerfile has no stage to build.', {
    code: 'empty-dockerfile',
    hint,
  });
  return { dockerfile, error };
}

function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

type OpenStage = Stage & { instructions: StageInstruction[] };

/** Puts an instruction where it belongs: a stage of its own, the last stage, or the global ARGs. */
function place(instruction: Instruction, globalArgs: ArgInstruction[], stages: OpenStage[]): void {
  const stage = stages.at(-1);
  if (instruction.type === 'from') {
    const { name } = instruction;
    const named = name === undefined ? {} : { name };
    stages.push({ index: stages.length, ...named, from: instruction, instructions: [] });
  } else if (stage !== undefined) stage.instructions.push(instruction);
  else if (instruction.type === 'arg') globalArgs.push(instruction);
  else {
    const message = `${instruction.keyword} stands before the first FROM: only ARG may.`;
    throw blame(instruction, message, { offset: 0, hint: 'Start with FROM IMAGE.' });
  }
}

/**
 * Reads an ONBUILD trigger of a base image. `from` is the FROM that brings it in: errors and the instruction's location
 * name that place, since the trigger stands in no file.
 */
export function parseTrigger(trigger: string, from: { location: Location }): StageInstruction {
  const { location } = from;
  const fail = (message: string) =>
    blameAt(location, `The base image brings a trigger that can't be run, \`${trigger}\`: ${message}`, {
      code: 'bad-trigger',
    });
  try {
    const [only, another] = [...parseRaw(trigger, location.file).instructions];
    if (only === undefined || another !== undefined) throw fail('it is not one instruction.');
    // Its own lines and columns mean nothing here.
    const instruction = readInstruction({ ...only, location, pieces: [] });
    if (!['from', 'onbuild', 'maintainer'].includes(instruction.type)) return instruction as StageInstruction;
    throw fail(`${instruction.keyword} can't be one.`);
  } catch (error) {
    if (!(error instanceof UserError) || error.code === 'bad-trigger') throw error;
    throw fail(error.message);
  }
}
