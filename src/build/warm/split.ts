/**
 * Splits a shell command at its top-level `&&` into commands that give the same when each has a shell of its own: so that
 * what comes before the one that must run again need not run. Where that isn't certain, it isn't split.
 */

/** One command, and what a shell must do first so that it stands where it would have stood. */
export interface Part {
  /** The command as it was written. */
  text: string;
  /** `cd`, `set` and the like that came before it. */
  before: readonly string[];
}

/** What a shell does for itself and a new one would not know: splitting would lose it. */
const stateful = new Set(
  `. : alias bg bind builtin command declare disown enable eval exec exit fc fg getopts hash jobs let local logout mapfile
   popd pushd read readarray readonly return shift shopt source suspend times trap type typeset ulimit unalias unset
   wait`.split(/\s+/),
);

/** Words that begin something longer than a command. */
const reserved = new Set(
  '! { } [[ case coproc do done elif else esac fi for function if in select then time until while'.split(' '),
);

/** The parts; a single one where the command can't be split. */
export function splitCommand(script: string): Part[] {
  const whole = [{ text: script, before: [] }];
  const texts = topLevelParts(script);
  if (texts === undefined || texts.length < 2) return whole;
  const before: string[] = [];
  const parts: Part[] = [];
  for (const text of texts) {
    const kind = kindOf(text);
    if (kind === 'unsafe') return whole;
    if (kind === 'state') before.push(text);
    else parts.push({ text, before: [...before] });
  }
  return parts.length < 2 ? whole : parts;
}

/** The script of a part, for the shell that the whole one was for. */
export function scriptOf({ text, before }: Part): string {
  return [...before, text].join(' && ');
}

function kindOf(text: string): 'command' | 'state' | 'unsafe' {
  const words = text.split(/\s+/);
  const [first = ''] = words;
  if (first.startsWith('(')) return 'command';
  if (reserved.has(first) || stateful.has(first) || first === '') return 'unsafe';
  // A function, or a variable for the shell itself: a command must follow it.
  if (/^[^\s'"]*\(\)/.test(text)) return 'unsafe';
  const command = words.find((word) => !/^[A-Za-z_]\w*\+?=/.test(word));
  if (command === undefined || stateful.has(command)) return 'unsafe';
  // Said again before each later part, these do the same again.
  const isPlain = /^[\w\s./,+:@%=-]*$/.test(text);
  if (first === 'cd') return isPlain && words.length === 2 && words[1] !== '-' ? 'state' : 'unsafe';
  if (first === 'set')
    return isPlain && words.slice(1).every((word) => /^[-+]/.test(word) || word === 'pipefail')
      ? 'state'
      : 'unsafe';
  if (first === 'umask' || first === 'export') return isPlain && words.length > 1 ? 'state' : 'unsafe';
  return 'command';
}

/** Texts between `&&` outside of quotes and parentheses; undefined where anything else joins commands. */
function topLevelParts(script: string): string[] | undefined {
  // Lines that end in a backslash go on in the next one.
  const text = script.replaceAll('\\\n', ' ').trim();
  const parts: string[] = [];
  let [start, depth] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const end = endOfWord(text, at);
    if (end === undefined) return undefined;
    if (end > at) {
      at = end - 1;
      continue;
    }
    const [char, next] = [text[at] as string, text[at + 1]];
    if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    else if (char === '#' && (at === 0 || /[\s;&|(]/.test(text[at - 1] as string))) return undefined;
    else if (char === '<' && next === '<') return undefined;
    else if (depth === 0 && char === '&' && next === '&') {
      parts.push(text.slice(start, at).trim());
      start = at + 2;
      at += 1;
    } else if (char === '&' && depth === 0 && text[at - 1] !== '>' && next !== '>') return undefined;
    else if (depth === 0 && (char === ';' || char === '\n' || (char === '|' && next === '|')))
      return undefined;
    else if (char === '$' && /[?!$_]/.test(next ?? '')) return undefined;
    if (depth < 0) return undefined;
  }
  if (depth !== 0) return undefined;
  parts.push(text.slice(start).trim());
  return parts.every((part) => part !== '') ? parts : undefined;
}

/** Where the quoted text that begins at `at` ends; `at` itself where none does; undefined where it never ends. */
function endOfWord(text: string, at: number): number | undefined {
  const char = text[at];
  if (char === '\\') return at + 2;
  if (char === "'") {
    const end = text.indexOf("'", at + 1);
    return end === -1 ? undefined : end + 1;
  }
  if (char === '`') return undefined;
  if (char === '"') {
    for (let inner = at + 1; inner < text.length; inner++) {
      if (text[inner] === '\\') inner += 1;
      else if (text[inner] === '`') return undefined;
      else if (text[inner] === '$' && /[?!$_]/.test(text[inner + 1] ?? '')) return undefined;
      // What is inside may hold quotes of its own.
      else if (text[inner] === '$' && text[inner + 1] === '(') return undefined;
      else if (text[inner] === '"') return inner + 1;
    }
    return undefined;
  }
  return at;
}
