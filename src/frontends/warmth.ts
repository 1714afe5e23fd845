/** What a build file says of warm rebuilds of a stage: `off`, `on`, `safe`, or another command. */
import type { StepWarmth } from '../plan/index.ts';

export type Warmth = NonNullable<StepWarmth['mode']> | { command: string | readonly string[] };

/** A word, and else a command. */
export function readWarmth(text: string): Warmth {
  return text === 'off' || text === 'on' || text === 'safe' ? text : { command: text };
}

/** The field of a step; none where nothing is said. `argvOf` gives what runs a shell's command. */
export function warmField(
  warmth: Warmth | undefined,
  argvOf: (command: string) => readonly string[],
): { warm?: StepWarmth } {
  if (warmth === undefined) return {};
  if (typeof warmth === 'string') return { warm: { mode: warmth } };
  const { command } = warmth;
  return { warm: { argv: typeof command === 'string' ? argvOf(command) : command } };
}
