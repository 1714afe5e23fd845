/**
 * The settings of one stage (`assets/settings.bash`). The `persist` of BOSH trees writes `k=v` unquoted, and the stage
 * then executes the second word of a value: here each value is quoted as it stands.
 */

/** One Bash word made of quoted pieces only: `'a'\''b'`, `$'…'`, `"…"`. */
const quoted = /(?:\$'(?:[^'\\]|\\[\s\S])*'|'[^']*'|"(?:[^"\\]|\\[\s\S])*"|\\[^\n])+(?=\n|$)/y;
/** A Bash array of plain or quoted words. */
const array = /\((?:[\w./:@%+,=\-\s[\]]|'[^']*'|"(?:[^"\\]|\\[\s\S])*")*\)(?=\n|$)/y;
const assignment = /([A-Za-z_]\w*)=/y;

/** Text for a POSIX shell that stands for `value`, whatever it holds. */
export function shellQuote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

/**
 * The file with every plain value quoted. A line `k=v` means that `v` is the value, unless it is already one
 * quoted word or an array; lines of other forms, which a config.sh wrote by itself, stay.
 */
export function quotePersisted(text: string): string {
  const out: string[] = [];
  let at = 0;
  while (at < text.length) {
    const end = endOfLine(text, at);
    assignment.lastIndex = at;
    const name = assignment.exec(text)?.[1];
    if (name === undefined) {
      out.push(text.slice(at, end));
      at = end + 1;
      continue;
    }
    const start = at + name.length + 1;
    const stop = endOf(quoted, text, start) ?? endOf(array, text, start);
    out.push(stop === undefined ? `${name}=${shellQuote(text.slice(start, end))}` : text.slice(at, stop));
    at = (stop ?? end) + 1;
  }
  return out.length === 0 ? '' : `${out.join('\n')}\n`;
}

/** The file's text with more settings, which win. */
export function appendSettings(text: string, settings: Readonly<Record<string, string>>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${shellQuote(value)}\n`);
  return (text === '' || text.endsWith('\n') ? text : `${text}\n`) + lines.join('');
}

function endOf(form: RegExp, text: string, start: number): number | undefined {
  form.lastIndex = start;
  const found = form.exec(text);
  return found === null ? undefined : start + found[0].length;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end;
}
