/** What Bash said about a spec, as complaints at the place that a person wrote. */
import { readFileSync } from 'node:fs';
import type { SourceLocation } from '../../kit/errors.ts';
import { didYouMean } from '../../kit/suggest.ts';
import type { Complaint } from '../complaints.ts';
import type { Evaluation } from '../stages/result.ts';

const specWords = ['stage', 'image', 'base', 'builder', 'extra_input', 'echo', 'exit', 'export', 'source'];

/** All complaints of an evaluation, in the order in which things happened. */
export function evaluationComplaints(evaluation: Evaluation): Complaint[] {
  const complaints = evaluation.syntaxErrors.map(({ text, location }) => syntaxError(text, location));
  for (const { stage, status, output, location } of evaluation.failedConfigs) {
    const message = `The config.sh of stage ${stage} failed with exit code ${status}${output.trim() === '' ? ', without a word.' : ':'}`;
    complaints.push({ code: 'config-failed', message, output, location });
  }
  if (evaluation.status !== 0) complaints.push(stopped(evaluation));
  return complaints;
}

/** `FILE: line N: message`, of which the last tells where the file could not be read on. */
function syntaxError(text: string, { file }: SourceLocation): Complaint {
  const messages = [...text.matchAll(/: line (\d+): (.*)$/gm)];
  const [first] = messages;
  const line = Number(first?.[1] ?? 1);
  const message = first?.[2] ?? text.trim();
  const token =
    /unexpected token `(.*)'/.exec(message)?.[1] ?? /looking for matching `(.*)'/.exec(message)?.[1];
  return {
    code: 'syntax-error',
    message: `${capitalised(message.replace(/`([^']*)'/g, '`$1`'))}.`,
    location: locate(file, line, token === 'newline' ? undefined : token),
  };
}

/** The spec (or the settings file) ended before its end. */
function stopped({ status, stderr, end }: Evaluation): Complaint {
  const lines = stderr.trimEnd().split('\n');
  const last = /: line (\d+): (.*)$/.exec(lines.at(-1) ?? '');
  const said = last?.[2] ?? '';
  const file = end?.file ?? '';
  const at = end?.line ?? Number(last?.[1] ?? 1);

  const missing = /^([A-Za-z_]\w*): unbound variable$/.exec(said)?.[1];
  if (missing !== undefined) {
    return {
      code: 'missing-setting',
      message: `The setting ${missing} is missing.`,
      hint: `Set it in the settings file or with --set ${missing}=VALUE, or write \${${missing}:-} where it may be missing.`,
      location: locate(file, at, new RegExp(`\\$\\{?${missing}\\b`)),
    };
  }
  const unknown = /^(.*): command not found$/.exec(said)?.[1];
  if (unknown !== undefined) {
    const hint = didYouMean(unknown, specWords);
    return {
      code: 'unknown-command',
      message: `There is no command \`${unknown}\`.`,
      ...(hint === undefined ? {} : { hint }),
      location: locate(file, at, unknown),
    };
  }
  return {
    code: 'spec-failed',
    message: `The spec ended here with exit code ${status}${stderr.trim() === '' ? '.' : ':'}`,
    output: stderr,
    location: locate(file, at, undefined),
  };
}

/** A place in a file: with the column of `token`, where the line holds it. */
function locate(file: string, line: number, token: string | RegExp | undefined): SourceLocation {
  let text: string | undefined;
  try {
    text = readFileSync(file, 'utf8').split('\n')[line - 1];
  } catch {
    return { file, line };
  }
  if (text === undefined) return { file, line };
  const found =
    token === undefined ? -1 : typeof token === 'string' ? text.indexOf(token) : text.search(token);
  return { file, line, column: (found === -1 ? text.search(/\S|$/) : found) + 1 };
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
