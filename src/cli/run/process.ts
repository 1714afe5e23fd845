/** What process runs: an image's configuration with a person's wishes on top, and what of both an image keeps. */
import { readFileSync } from 'node:fs';
import { variablesOf } from '../../images/variables.ts';
import { explainSystemError, wrongUse } from '../../kit/errors.ts';
import type { ImageConfig, RunOp } from '../../plan/index.ts';
import { badValue } from '../values.ts';

export interface Wishes {
  /** After the image's name. */
  argv: readonly string[];
  /** `''`: none, whatever the image says. */
  entrypoint?: string;
  env: Readonly<Record<string, string>>;
  cwd?: string;
  user?: string;
  stopSignal?: string;
}

/** Its configuration, as `docker commit` would keep it. */
export function configOf(
  image: ImageConfig,
  { argv, entrypoint, env, cwd, user, stopSignal }: Wishes,
): ImageConfig {
  const config: ImageConfig = { ...image };
  const variables = { ...variablesOf(image), ...env };
  if (Object.keys(variables).length > 0)
    config.Env = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  if (cwd !== undefined) config.WorkingDir = cwd;
  if (user !== undefined) config.User = user;
  if (stopSignal !== undefined) config.StopSignal = stopSignal;
  if (entrypoint !== undefined) {
    config.Entrypoint = entrypoint === '' ? [] : [entrypoint];
    // A new entry point makes the image's command meaningless.
    delete config.Cmd;
  }
  if (argv.length > 0) config.Cmd = [...argv];
  return config;
}

/** The process of a configuration. Throws `no-command` when it has none. */
export function processOf(config: ImageConfig, image: string): Pick<RunOp, 'argv' | 'env' | 'cwd' | 'user'> {
  const argv = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (argv.length === 0) {
    throw wrongUse('no-command', `The image ${image} doesn't say what to run.`, {
      hint: `Say it: cambium run ${image} COMMAND`,
    });
  }
  return { argv, env: variablesOf(config), cwd: config.WorkingDir || '/', user: config.User ?? '' };
}

/** `--env-file` and then `-e`: NAME=VALUE, or NAME alone for its value here, if it has one. */
export function readVariables(
  texts: readonly string[],
  files: readonly string[],
  own: NodeJS.ProcessEnv,
): Record<string, string> {
  const variables: Record<string, string> = {};
  const take = (flag: string, text: string) => {
    const at = text.indexOf('=');
    const name = at === -1 ? text : text.slice(0, at);
    if (name === '' || /\s/.test(name)) throw badValue(flag, text, 'it takes NAME=VALUE, or NAME');
    const value = at === -1 ? own[name] : text.slice(at + 1);
    if (value !== undefined) variables[name] = value;
  };
  for (const file of files) {
    for (const line of readLines(file)) take('--env-file', line);
  }
  for (const text of texts) take('--env', text);
  return variables;
}

/** Lines of a file, without empty ones and comments. */
function readLines(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const explained = explainSystemError(error, `reading ${file}`);
    throw explained === error
      ? wrongUse('missing-file', `The file ${file} of --env-file can't be read.`, { cause: error })
      : explained;
  }
  return text
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
