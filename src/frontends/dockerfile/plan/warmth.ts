/** What a comment above a RUN says of warm rebuilds: `# cambium: warm=off|on|safe|COMMAND`. Other builders skip it. */
import type { StepWarmth } from '../../../plan/index.ts';
import { readWarmth, warmField } from '../../warmth.ts';
import { blame } from '../language/complain.ts';
import type { InstructionBase } from '../language/types.ts';
import { readWishes } from '../language/wishes.ts';

/** `argvOf` gives what runs a command of the shell form. Undefined where no comment says anything. */
export function warmthOf(
  instruction: InstructionBase,
  argvOf: (command: string) => readonly string[],
): StepWarmth | undefined {
  const value = readWishes(instruction).get('warm');
  return warmField(value ? readWarmth(value) : undefined, argvOf).warm;
}

/** A word on a whole stage would be lost. */
export function refuseWarmth(instruction: InstructionBase): void {
  if (!readWishes(instruction).has('warm')) return;
  throw blame(
    instruction,
    `The comment above this ${instruction.keyword} speaks of a warm rebuild of one command.`,
    {
      code: 'bad-comment',
      hint: 'Put it above a RUN.',
    },
  );
}
