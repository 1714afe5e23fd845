/** `cambium verify`: whether warm rebuilds gave what a clean build gives. */
import { Command } from 'commander';
import { addBuildFlags, type RawFlags, readBuildFlags } from '../build-flags.ts';
import { addExamples } from '../help.ts';
import { runBuild } from '../run-build.ts';

export function define(): Command {
  const command = new Command('verify')
    .description('build clean beside the warm image, compare them, and put the clean one in place')
    .argument('[path]', 'a folder with a build file, a .spec, a .ts, or - (default: this folder)');
  addBuildFlags(command).action(async (where: string | undefined, raw: RawFlags) => {
    await runBuild(readBuildFlags(where, raw, process.cwd(), process.env), 'verify');
  });
  return addExamples(command, [
    ['cambium verify -t app', 'exit code 4 when a path differs'],
    ['cambium rebuild -t app && cambium verify -t app', 'before it leaves this machine'],
  ]);
}
