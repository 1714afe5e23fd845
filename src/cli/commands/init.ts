/** `cambium init`: starts a project, as a spec in Bash. Nothing that is there is written over. */
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { explainSystemError, wrongUse } from '../../kit/errors.ts';
import { makeFolder } from '../../kit/make-folder.ts';
import { shortPath } from '../errors.ts';
import { addExamples } from '../help.ts';
import { print } from '../io.ts';
import { specTemplate, type TemplateFile } from '../templates.ts';

export function define(): Command {
  const command = new Command('init')
    .description('start a project: a spec to edit')
    .argument('[dir]', 'the folder to write it to (default: this one)')
    .action((dir: string | undefined) => start(resolve(dir ?? '.')));
  return addExamples(command, [['cambium init hello', 'start a spec in the folder hello']]);
}

function start(dir: string): void {
  const name =
    basename(dir)
      .replace(/[^a-z0-9._-]/gi, '-')
      .toLowerCase() || 'image';
  const files = specTemplate(name);
  const taken = files.filter(({ path }) => existsSync(join(dir, path)));
  if (taken.length > 0) {
    throw wrongUse(
      'files-exist',
      `${shortPath(join(dir, taken[0]?.path ?? ''))} is there already; nothing was written.`,
      {
        hint: 'Name another folder: cambium init DIR',
      },
    );
  }
  try {
    for (const file of files) write(dir, file);
  } catch (error) {
    throw explainSystemError(error, `writing to ${dir}`);
  }
  const where = dir === process.cwd() ? '' : ` ${quoted(shortPath(dir))}`;
  print(`Build it: cambium build${where}\n`);
}

/** As a shell takes it. */
function quoted(path: string): string {
  return /^[\w./~+@%,:=-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function write(dir: string, { path, text, isExecutable }: TemplateFile): void {
  const whole = join(dir, path);
  makeFolder(dirname(whole));
  writeFileSync(whole, text, { flag: 'wx' });
  if (isExecutable) chmodSync(whole, 0o755);
  print(`wrote ${shortPath(whole)}\n`);
}
