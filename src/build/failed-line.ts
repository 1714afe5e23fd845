/**
 * Which line of a script made its step fail, as far as that can be told without changing how it runs: from what the
 * interpreter itself says ("/bin/sh: 3: foo: not found"), or because only the last line can have decided.
 */
import type { Step } from '../plan/index.ts';

export interface ScriptFailure {
  exitCode?: number;
  /** Last lines of output. */
  tail: readonly string[];
}

/** Line of the script, counted from 1; undefined when nothing is known for certain. */
export function failedLine({ op, script }: Step, { exitCode, tail }: ScriptFailure): number | undefined {
  if (op.type !== 'run' || script === undefined || exitCode === undefined) return undefined;
  const { text, reader } = script;
  const lines = text.replace(/\n$/, '').split('\n');
  const only = isShell(reader, lines[0]) && !stopsEarly(lines, op.argv) ? lastCommand(lines) : undefined;
  for (const said of tail.toReversed()) {
    const line = lineIn(said, reader) ?? lineWith(said, lines);
    if (line === undefined || line < 1 || line > lines.length) continue;
    const kind = kindOf(said);
    if (kind !== undefined && kind !== exitCode) continue;
    // In a shell that goes on after errors, a message tells of the last one only if the exit code does.
    if (kind === exitCode || only === undefined || only === line) return line;
  }
  return only;
}

/** The line that a message of the interpreter names, in the ways of shells, Python, Perl, Ruby and Node. */
function lineIn(said: string, reader: string): number | undefined {
  const names = reader === 'stdin' ? '(?:^|/)(?:ba|da|a|z|k|mk)?sh|<?\\[?stdin>?\\]?|-' : escaped(reader);
  const match = new RegExp(`(?:^|[ "'(/])(?:${names})(?:"?, line | line |: line |: |:)(\\d+)\\b`).exec(said);
  return match === null ? undefined : Number(match[1]);
}

/** BusyBox names no line, only the program that is not there: the line is known if one alone has it. */
function lineWith(said: string, lines: readonly string[]): number | undefined {
  const program = /: ([^\s:]+): not found$/.exec(said)?.[1];
  if (program === undefined) return undefined;
  const holders = lines.flatMap((line, at) => (line.includes(program) ? [at + 1] : []));
  return holders.length === 1 ? holders[0] : undefined;
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** The exit code that belongs to a message. */
function kindOf(said: string): number | undefined {
  if (/: (command )?not found$/.test(said)) return 127;
  return /: [Ss]yntax error/.test(said) ? 2 : undefined;
}

function isShell(reader: string, first: string | undefined): boolean {
  const interpreter = first?.startsWith('#!') ? first : reader;
  return reader === 'stdin' ? false : /\b(ba|da|a|z|k|mk)?sh\b/.test(interpreter);
}

/** Whether a shell may end before its last command. */
function stopsEarly(lines: readonly string[], argv: readonly string[]): boolean {
  const words =
    /\bset\s+(-\w+\s+)*-\w*[eu]|\berrexit\b|\bnounset\b|\b(exit|exec|return|kill|trap)\b|\$\{\w+:?\?/;
  return (
    argv.slice(1, -1).some((word) => /^-\w*[eu]/.test(word)) ||
    /^#!.*\s-\w*[eu]/.test(lines[0] ?? '') ||
    lines.some((line) => words.test(line))
  );
}

/** The last line, if that is a command of its own. */
function lastCommand(lines: readonly string[]): number | undefined {
  const at = lines.findLastIndex((line) => !/^\s*(#.*)?$/.test(line));
  const last = lines[at];
  if (last === undefined) return undefined;
  const isPart =
    /^\s*(fi|done|esac|[)}]|;;|&&|\|)/.test(last) || /(\\|&&|\||\()\s*$/.test(lines[at - 1] ?? '');
  return isPart || lines.some((line) => line.includes('<<')) ? undefined : at + 1;
}
