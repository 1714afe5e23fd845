/** `cambium rebuild`: one warm rebuild, in which steps start from their own last results. */
import { Command } from 'commander';
import { addBuildFlags, type RawFlags, readBuildFlags } from '../build-flags.ts';
import { tellErrorsAsJson } from '../fail.ts';
import { addExamples } from '../help.ts';
import { runBuild } from '../run-build.ts';

export function define(): Command {
  const command = new Command('rebuild')
    .description('build warm: what must run starts from its own last result')
    .argument('[path]', 'a folder with a build file, a .spec, a .ts, or - (default: this folder)');
  addBuildFlags(command).action(async (where: string | undefined, raw: RawFlags) => {
    if (raw.progress === 'json') tellErrorsAsJson();
    await runBuild(readBuildFlags(where, raw, process.cwd(), process.env), 'rebuild');
  });
  return addExamples(command, [
    ['cambium rebuild -t app', 'after an edit: the compiler goes on where it was'],
    ['cambium verify -t app', 'see whether a clean build gives the same'],
  ]);
}
