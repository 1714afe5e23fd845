/** Directives: `# syntax=`, `# escape=` and `# check=` before anything else in the file. */
import { trim } from './characters.ts';
import { blameAt } from './complain.ts';
import type { Directives, EscapeToken, Location } from './types.ts';

export interface ReadDirectives {
  directives: Directives;
  escapeToken: EscapeToken;
  /** The file's first lines that are directives. */
  lineCount: number;
}

const known = ['syntax', 'escape', 'check'] as const;
const form = /^#\s*([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)[\t\n\f\r ]*$/;

/**
 * Reads directives from the start of `text`; the first line that is none ends them. After a `#!` line, `syntax` and
 * `check` are looked for too, though their lines are plain comments then, and `escape` is not heeded.
 */
export function readDirectives(text: string, file: string): ReadDirectives {
  const shebang = text.startsWith('#!');
  const directives: Directives = {};
  let number = 0;
  for (const line of linesOf(text)) {
    number += 1;
    if (shebang && number === 1) continue;
    const indent = line.length - line.trimStart().length;
    const match = form.exec(trim(line));
    const name = known.find((one) => one === match?.[1]?.toLowerCase());
    if (match === null || name === undefined) break;
    const location: Location = { file, line: number, column: indent + 1, endLine: number };
    if (directives[name] !== undefined) {
      throw blameAt(location, `The directive \`${name}\` stands here a second time.`, {
        hint: 'Keep one of them.',
      });
    }
    directives[name] = { value: match[2] as string, location };
  }
  if (shebang) delete directives.escape;
  return { directives, escapeToken: escapeOf(directives), lineCount: shebang ? 0 : number - 1 };
}

function* linesOf(text: string): Generator<string> {
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf('\n', from);
    yield text.slice(from, end < 0 ? undefined : end);
    if (end < 0) break;
    from = end + 1;
  }
  // So that the line after the last directive has a number even at the end of the file.
  yield '';
}

function escapeOf(directives: Directives): EscapeToken {
  if (directives.escape === undefined) return '\\';
  const { value, location } = directives.escape;
  if (value === '\\' || value === '`') return value;
  throw blameAt(location, `The escape token \`${value}\` is neither \`\\\` nor a backtick.`);
}
