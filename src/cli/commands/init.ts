/** `cambium init`: starts a project, as a spec in Bash or a Dockerfile. Nothing that is there is written over. */
import { chmodSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { explainSystemError, wrongUse } from '../../kit/errors.ts';
import { makeFolder } from '../../kit/make-folder.ts';
import { statIfThere } from '../../kit/stat.ts';
import { shortPath } from '../errors.ts';
import { addExamples } from '../help.ts';
import { print } from '../io.ts';
import { dockerfileTemplate, specTemplate, type TemplateFile } from '../templates.ts';
import { shellWord } from '../text.ts';

export function define(): Command {
  const command = new Command('init')
    .description('start a project: a spec to edit, or a Dockerfile')
    .option('--dockerfile', 'a Dockerfile instead of a spec', false)
    .argument('[dir]', 'the folder to write it to (default: this one)')
    .action((dir: string | undefined, flags: { dockerfile: boolean }) => {
      if (dir === '') throw wrongUse('bad-value', 'DIR is empty.', { hint: 'This folder is `.`.' });
      start(resolve(dir ?? '.'), flags.dockerfile);
    });
  return addExamples(command, [
    ['cambium init hello', 'start a spec in the folder hello'],
    ['cambium init --dockerfile web', 'start a Dockerfile in the folder web'],
  ]);
}

function start(dir: string, isDockerfile: boolean): void {
  const name =
    basename(dir)
      .replace(/[^a-z0-9._-]/gi, '-')
      .toLowerCase() || 'image';
  const files = isDockerfile ? dockerfileTemplate() : specTemplate(name);
  // A second build file would leave it open which one `cambium build` means.
  const paths = [...buildFilesIn(dir), ...files.map(({ path }) => path)];
  const taken = paths.find((path) => existsSync(join(dir, path)));
  if (taken !== undefined) {
    throw wrongUse('files-exist', `${shortPath(join(dir, taken))} is there already; nothing was written.`, {
      hint: 'Name another folder: cambium init DIR',
    });
  }
  try {
    for (const file of files) write(dir, file);
  } catch (error) {
    throw explainSystemError(error, `writing to ${dir}`);
  }
  const where = dir === process.cwd() ? '' : ` ${shellWord(shortPath(dir))}`;
  print(`Build it: cambium build${where}\n`);
}

/** Names of what `cambium build` would take for a build file. */
function buildFilesIn(dir: string): string[] {
  if (!statIfThere(dir)?.isDirectory()) return [];
  const usual = ['cambium.ts', 'Dockerfile', 'Containerfile'];
  return readdirSync(dir).filter((name) => usual.includes(name) || name.endsWith('.spec'));
}

function write(dir: string, { path, text, isExecutable }: TemplateFile): void {
  const whole = join(dir, path);
  makeFolder(dirname(whole));
  writeFileSync(whole, text, { flag: 'wx' });
  if (isExecutable) chmodSync(whole, 0o755);
  print(`wrote ${shortPath(whole)}\n`);
}
