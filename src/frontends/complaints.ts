/** What is wrong with a build file: complaints are collected, so that a person sees all of them at once. */
import { relative } from 'node:path';
import { type SourceLocation, type UserError, wrongUse } from '../kit/errors.ts';

export interface Complaint {
  /** As in `UserError`. */
  code: string;
  /** One sentence. */
  message: string;
  hint?: string;
  location?: SourceLocation;
  /** Output of the script that complained. */
  output?: string;
}

/** How many lines of a script's output a complaint shows. */
const shownLines = 12;

/** Throws all complaints as one error, those of a file in the order of its lines; returns when there are none. */
export function throwComplaints(complaints: readonly Complaint[]): void {
  const files = complaints.map(({ location }) => location?.file);
  const rank = ({ location }: Complaint) => files.indexOf(location?.file);
  const line = ({ location }: Complaint) => location?.line ?? 0;
  const [first, ...others] = [...complaints].sort((a, b) => rank(a) - rank(b) || line(a) - line(b));
  if (first !== undefined)
    throw others.length === 0 ? single(first) : several(first.code, [first, ...others]);
}

function single(complaint: Complaint): UserError {
  const { code, message, output, ...rest } = complaint;
  return wrongUse(code, [message, ...outputLines(output, '  ')].join('\n'), rest);
}

function several(code: string, complaints: readonly Complaint[]): UserError {
  const lines = complaints.flatMap(({ location, message, hint, output }) => [
    `  ${location ? `${place(location)}: ` : ''}${message}${hint ? ` ${hint}` : ''}`,
    ...outputLines(output, '    '),
  ]);
  return wrongUse(code, [`${complaints.length} things are wrong:`, ...lines].join('\n'));
}

function place({ file, line, column }: SourceLocation): string {
  const near = relative(process.cwd(), file);
  return [near.startsWith('..') ? file : near, line, line === undefined ? undefined : column]
    .filter((part) => part !== undefined)
    .join(':');
}

/** The last lines of a script's output, without the commands that `set -x` shows, and with paths as the tree has them. */
function outputLines(output: string | undefined, indent: string): string[] {
  const lines = (output ?? '')
    .replaceAll('/build/', '')
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\++ /.test(line));
  return lines.slice(-shownLines).map((line) => indent + line);
}
