/** What a comment above an instruction says of warm rebuilds: `# cambium: warm=off|on|safe|COMMAND`. Other builders skip it. */
import type { StepWarmth } from '../../../plan/index.ts';

const directive = /^cambium:\s*warm=(?<value>.+)$/;

/** `argvOf` gives what runs a command of the shell form. Undefined where no comment says anything. */
export function warmthOf(
  comments: readonly string[],
  argvOf: (command: string) => readonly string[],
): StepWarmth | undefined {
  const value = comments
    .map((comment) => directive.exec(comment)?.groups?.['value']?.trim())
    .findLast((text) => text !== undefined);
  if (value === undefined) return undefined;
  if (value === 'off' || value === 'on' || value === 'safe') return { mode: value };
  return { argv: argvOf(value) };
}
