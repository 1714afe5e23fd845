/** `cambium rebuild`: one warm rebuild, in which steps start from their own last results. */
import { Command } from 'commander';
import { addBuildFlags, addLiveFlag, type RawFlags, readBuildFlags } from '../build-flags.ts';
import { addExamples } from '../help.ts';
import { runBuild } from '../run-build.ts';

export function define(): Command {
  const command = new Command('rebuild')
    .description('build warm: what must run starts from its own last result')
    .argument('[path]', 'a folder with a build file, a .spec, a .ts, or - (default: this folder)');
  addLiveFlag(addBuildFlags(command))
    .option('--allow-warm', 'with --push: send the image though no clean build has confirmed it', false)
    .action(async (where: string | undefined, raw: RawFlags & { allowWarm: boolean }) => {
      const flags = readBuildFlags(where, raw, process.cwd(), process.env);
      await runBuild({ ...flags, allowWarm: raw.allowWarm }, 'rebuild');
    });
  return addExamples(command, [
    ['cambium rebuild -t app', 'after an edit: the compiler goes on where it was'],
    ['cambium rebuild -t registry.test/app --push --allow-warm', 'share it before it is verified'],
    ['cambium rebuild -t app --live', 'and its daemon is still there: see also cambium shell --live'],
    ['cambium verify -t app', 'see whether a clean build gives the same'],
  ]);
}
