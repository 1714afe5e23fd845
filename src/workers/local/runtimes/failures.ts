/** What a runtime says when it can't start a command, told in our words. */
import { readFileSync } from 'node:fs';
import { outside, wrongUse } from '../../../kit/errors.ts';
import { logFile } from './launch.ts';

export type StartFailure =
  | { kind: 'not-found'; message: string; exitCode: 126 | 127 }
  /** The runtime was killed while it started: the memory limit is below what it needs. */
  | { kind: 'out-of-memory'; neededBytes?: number }
  | { kind: 'broken'; error: Error };

/** How runtimes begin what they say on standard error before or instead of the command. */
const ownWords =
  /^(?:runc run failed: |exec \/[^\n]*: |crun: |\[FATAL tini |executable file `|open executable: |the path `|chdir (?:to )?`|\{"msg":"exec container process )/;

/** Whether a text on standard error may be the runtime's: by how it begins, or because its log says the same. */
export function mayBeRuntimes(bundle: string, text: string): boolean {
  return ownWords.test(text) || text.trim() === lastError(bundle);
}

/** Why the runtime didn't start the command; undefined when it did start it. `held`: what it said on standard error. */
export function startFailure(
  bundle: string,
  argv: readonly string[],
  held: string,
): StartFailure | undefined {
  const said = lastError(bundle) ?? execError(held, argv);
  if (said === undefined) return undefined;
  if (/OOM-killed|memory limit/i.test(said)) {
    const needed = said.match(/peak usage: (\d+)/)?.[1];
    return { kind: 'out-of-memory', ...(needed === undefined ? {} : { neededBytes: Number(needed) }) };
  }
  // It lives under the limits of the command before it becomes that.
  if (/too many open files/i.test(said)) return { kind: 'broken', error: tooFewFiles() };
  const program = argv[0] ?? '';
  const notFound = (message: string): StartFailure => ({
    kind: 'not-found',
    message,
    exitCode: /permission denied|not permitted|exec format error|too long/i.test(said) ? 126 : 127,
  });
  if (/executable file .* not found/.test(said)) return notFound(execMessage(program, said));
  const exec = said.match(/exec:? "?(.*?)"?: (.*)$/s);
  if (exec) return notFound(execMessage(program, exec[2] ?? ''));
  if (/^open (?:executable|`[^`]*`): |^the path `[^`]*` (?:exists but|is not a regular file)/.test(said))
    return notFound(execMessage(program, 'permission denied'));
  const folder = said.match(
    /(?:mkdir |chdir to cwd \("|chdir (?:to )?`)\s*([^"`]*?)(?:"\).*|`)?: (not a directory|permission denied|no such file.*)$/i,
  );
  if (folder) return notFound(`The working folder ${folder[1]} can't be used: ${folder[2]?.toLowerCase()}.`);
  return {
    kind: 'broken',
    error: outside(
      'runtime-failed',
      `The container runtime failed: ${said.replace(/^(runc|crun) run failed: /, '')}.`,
      {
        hint: '`cambium doctor` says what this machine lacks.',
      },
    ),
  };
}

function tooFewFiles(): Error {
  return wrongUse('too-few-files', 'The limit of open files is too low for the container runtime itself.', {
    hint: 'Give more with --ulimit nofile=64. A command that is to have less sets it itself: sh -c "ulimit -n 10; …"',
  });
}

function execMessage(program: string, reason: string): string {
  if (/permission denied|not permitted/i.test(reason)) return `${program} is not executable, or a folder.`;
  if (/exec format error/i.test(reason))
    return `${program} is no program for this machine, or a script without a '#!' line.`;
  if (/argument list too long/i.test(reason))
    return 'The command is too long for the system: no argument and no variable may have more than 128 KiB.';
  if (program.includes('/')) return `${program} is not in the image, or the interpreter that it needs isn't.`;
  return `${program} was not found in the folders of PATH.`;
}

/** The last error in the runtime's log, which has one JSON object a line. */
function lastError(bundle: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(logFile(bundle), 'utf8');
  } catch {
    return undefined;
  }
  for (const line of text.trim().split('\n').reverse()) {
    const message = errorIn(line);
    if (message !== undefined) return message;
  }
  return undefined;
}

/** The message of a log line that tells an error. */
function errorIn(line: string): string | undefined {
  try {
    const entry = JSON.parse(line) as { level?: string; msg?: string };
    return entry.level === 'error' ? entry.msg : undefined;
  } catch {
    // a line cut short
    return undefined;
  }
}

/** A script whose interpreter is missing fails at the last moment, when only standard error is left to say so. */
function execError(held: string, argv: readonly string[]): string | undefined {
  const init = held.match(/^\[FATAL tini \(\d+\)\] (exec .*) failed: ([^\n]*)\n$/);
  if (init) return `${init[1]}: ${init[2]?.toLowerCase()}`;
  const said = errorIn(held) ?? held.trim();
  const line = said.match(
    /^exec (?:container process .*?`)?(\/[^\s`]+)`?: (?:no such file|permission denied|exec format error|argument list too long)[^\n]*$/i,
  );
  const name = argv[0]?.split('/').at(-1) ?? '';
  return line && line[1]?.split('/').at(-1) === name ? said : undefined;
}
