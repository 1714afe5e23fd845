/** What comments above RUN and FROM say that commands may use. */
import type { Compute } from '../../../plan/index.ts';
import { readCompute } from '../../compute.ts';
import { blame } from '../language/complain.ts';
import type { InstructionBase } from '../language/types.ts';
import { readWishes } from '../language/wishes.ts';

/** Throws a UserError for a value that can't be. */
export function computeOf(instruction: InstructionBase): Compute {
  const wishes = [...readWishes(instruction)].filter(([name]) => name !== 'warm');
  const read = readCompute(wishes);
  if ('compute' in read) return read.compute;
  const { wrong, hint } = read;
  throw blame(instruction, wrong, { code: 'bad-comment', hint });
}

/** A wish above an instruction that runs nothing would be lost without a word. */
export function refuseWishes(instruction: InstructionBase): void {
  if (readWishes(instruction).size === 0) return;
  throw blame(
    instruction,
    `The comment above this ${instruction.keyword} says how a command runs, and it runs nothing.`,
    {
      code: 'bad-comment',
      hint: 'Put it above a RUN, or above FROM for every RUN of the stage.',
    },
  );
}
