/** Errors in a Dockerfile: each names its place as exactly as it's known. */
import { type SourceLocation, type UserError, wrongUse } from '../../../kit/errors.ts';
import type { InstructionBase, Location } from './types.ts';

export interface Blame {
  /** Character of the instruction's text that is to blame; without it, the whole instruction is. */
  offset?: number;
  hint?: string | undefined;
  code?: string;
}

/** An error about an instruction; `message` is one sentence. */
export function blame(
  at: Pick<InstructionBase, 'location' | 'pieces'>,
  message: string,
  rest: Blame = {},
): UserError {
  return blameAt(rest.offset === undefined ? at.location : placeOf(at, rest.offset), message, rest);
}

/** An error about a place of the file. */
export function blameAt(
  location: SourceLocation,
  message: string,
  rest: Omit<Blame, 'offset'> = {},
): UserError {
  return wrongUse(rest.code ?? 'dockerfile-syntax', message, {
    location,
    ...(rest.hint === undefined ? {} : { hint: rest.hint }),
  });
}

/** Where the character at `offset` of an instruction's text stands in the file. */
export function placeOf(at: Pick<InstructionBase, 'location' | 'pieces'>, offset: number): Location {
  let piece = at.pieces[0];
  for (const next of at.pieces) {
    if (next.offset > offset) break;
    piece = next;
  }
  if (piece === undefined) return at.location;
  const { line } = piece;
  return { file: at.location.file, line, column: piece.column + offset - piece.offset, endLine: line };
}

/** Where the first `part` in an instruction's text stands; the whole instruction when it isn't there literally. */
export function placeOfText(
  at: Pick<InstructionBase, 'location' | 'pieces' | 'text'>,
  part: string,
): Location {
  const offset = part === '' ? -1 : at.text.indexOf(part);
  return offset < 0 ? at.location : placeOf(at, offset);
}
