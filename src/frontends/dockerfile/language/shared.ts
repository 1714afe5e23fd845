/** What every typed instruction takes over from its raw form. */
import type { RawInstruction } from './raw.ts';
import type { InstructionBase } from './types.ts';

export function commonOf({ keyword, text, location, comments, pieces }: RawInstruction): InstructionBase {
  return { keyword, text, location, comments, pieces };
}

/** The description in a comment `NAME description`. */
export function descriptionOf(comments: readonly string[], name: string): { description?: string } {
  if (name === '') return {};
  const comment = comments.find((one) => one.startsWith(`${name} `));
  return comment === undefined ? {} : { description: comment.slice(name.length + 1) };
}
