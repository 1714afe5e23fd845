/**
 * Comments that say something to Cambium alone about the instruction below them: `# cambium: memory=4g cpus=2`, or
 * `# cambium: warm=make install`. Other builders see comments.
 */
import { didYouMean } from '../../../kit/suggest.ts';
import { blame } from './complain.ts';
import type { InstructionBase } from './types.ts';

const names = ['cpus', 'memory', 'pids', 'warm'] as const;
export type WishName = (typeof names)[number];

const none: ReadonlyMap<WishName, string> = new Map();
/** NAME=VALUE; a value with spaces stands in quotes, but for the command of `warm`, which is the rest of the line. */
const word = /(warm)=(.*)$|([\w-]+)=("[^"]*"|'[^']*'|[^\s"']*)(?=\s|$)\s*/y;

/** The words of the comments above an instruction; the last one of a name wins. Throws a UserError for others. */
export function readWishes(at: InstructionBase): ReadonlyMap<WishName, string> {
  const lines = at.comments.filter((comment) => comment.startsWith('cambium:'));
  if (lines.length === 0) return none;
  const wishes = new Map<WishName, string>();
  for (const line of lines) {
    const text = line.slice('cambium:'.length).trim();
    word.lastIndex = 0;
    while (word.lastIndex < text.length || text === '') {
      const from = word.lastIndex;
      const match = word.exec(text);
      if (match === null) {
        throw blame(at, `The comment \`# ${line}\` can't be read at \`${text.slice(from)}\`.`, {
          code: 'bad-comment',
          hint: 'It takes words NAME=VALUE: # cambium: memory=4g cpus=2',
        });
      }
      const [, rest, command = '', name = rest ?? '', value = command] = match;
      const known = names.find((one) => one === name);
      if (known === undefined) {
        throw blame(at, `The comment \`# ${line}\` has an unknown word: ${name}.`, {
          code: 'bad-comment',
          hint: didYouMean(name, names, `It takes ${names.join(', ')}.`),
        });
      }
      wishes.set(known, value.replace(/^(["'])(.*)\1$/, '$2'));
    }
  }
  return wishes;
}
