/** `--call check`, `outline` and `targets`: tells of a Dockerfile instead of building it. */
import type { CheckResult, Outline, Target } from '../frontends/dockerfile/calls.ts';
import { type OpenProject, requestOf } from '../frontends/open-project.ts';
import { ExitCode, wrongUse } from '../kit/errors.ts';
import type { Store } from '../store/store.ts';
import type { PlanFlags } from './build-flags.ts';
import type { Call } from './dockerfile-flags.ts';
import { asUserError, formatError, formatLocation } from './errors.ts';
import { colorsFor, print, standardOutput } from './io.ts';
import { formatTable } from './text.ts';

/** Prints the answer; the exit code says whether checks found something. */
export async function answer(
  call: Exclude<Call, 'build'>,
  flags: PlanFlags,
  project: OpenProject,
  store: Store,
): Promise<void> {
  const { path, dockerfile } = project;
  if (dockerfile === undefined)
    throw wrongUse('bad-value', `--call ${call} is for Dockerfiles, and ${path} is none.`);
  const calls = await import('../frontends/dockerfile/calls.ts');
  const { contentOf } = await import('../frontends/dockerfile/index.ts');
  const request = requestOf(store, path, dockerfile, flags.target);
  if (call === 'check') return tellCheck(await calls.checkFile(request));
  const content = await contentOf(request);
  if (call === 'targets') return tellTargets(calls.listTargets(content, path));
  return tellOutline(calls.outline(content, path, flags.target));
}

function tellCheck({ warnings, error }: CheckResult): void {
  const colors = colorsFor(standardOutput);
  for (const { rule, message, location, url } of warnings) {
    print(`${colors.yellow(`${rule}:`)} ${message}${url === undefined ? '' : colors.dim(` ${url}`)}\n`);
    print(`${formatLocation(location, colors).join('\n')}\n\n`);
  }
  if (error !== undefined) print(formatError(asUserError(error), colors));
  const count = warnings.length;
  const found = count === 0 ? 'no warnings' : count === 1 ? '1 warning' : `${count} warnings`;
  print(`Check complete: ${found}${error === undefined ? '' : ', and an error'}.\n`);
  if (error !== undefined) process.exitCode = error.exitCode;
  else if (count > 0) process.exitCode = ExitCode.buildFailed;
}

function tellTargets(targets: readonly Target[]): void {
  const rows = targets.map(({ name, description, base, isDefault }) => [
    `${name ?? '-'}${isDefault ? ' (default)' : ''}`,
    base,
    description ?? '',
  ]);
  print(formatTable([['TARGET', 'FROM', 'DESCRIPTION'], ...rows]));
}

function tellOutline({ target, description, args, secrets, ssh, caches }: Outline): void {
  if (target !== undefined) print(`TARGET: ${target}\n`);
  if (description !== undefined) print(`DESCRIPTION: ${description}\n`);
  const section = (rows: string[][]) => {
    if (rows.length > 1) print(`\n${formatTable(rows)}`);
  };
  section([
    ['BUILD ARG', 'VALUE', 'DESCRIPTION'],
    ...args.map(({ name, value, description: text }) => [name, value ?? '', text ?? '']),
  ]);
  section([['SECRET', 'REQUIRED'], ...secrets.map(({ id, required }) => [id, required ? 'yes' : ''])]);
  section([['SSH', 'REQUIRED'], ...ssh.map(({ id, required }) => [id, required ? 'yes' : ''])]);
  section([['CACHE'], ...caches.map((id) => [id])]);
}
