/** `cambium dev`: watches what a build depends on, and rebuilds warm until it is stopped. */
import { Command } from 'commander';
import { addBuildFlags, addLiveFlag, type RawFlags, readBuildFlags } from '../build-flags.ts';
import { addDevFlags, type RawDevFlags, readDevFlags } from '../dev/flags.ts';
import { addExamples } from '../help.ts';

export function define(): Command {
  const command = new Command('dev')
    .description('watch, and rebuild warm after each edit, until stopped')
    .argument('[path]', 'a folder with a build file, a .spec or a .ts (default: this folder)')
    .argument('[command...]', 'with --run, behind `--`: what to run; else what the image says');
  addDevFlags(addLiveFlag(addBuildFlags(command))).action(
    async (where: string | undefined, words: string[], raw: RawFlags & RawDevFlags) => {
      const { cwd, argv } = { cwd: process.cwd(), argv: behindDashes(where, words) };
      const flags = readBuildFlags(argv.where, raw, cwd, process.env);
      const devFlags = readDevFlags(raw, argv.words, cwd);
      if (devFlags.end !== undefined) {
        const { endBuilders } = await import('../live/end.ts');
        await endBuilders(flags, devFlags.end);
        return;
      }
      const { develop } = await import('../dev/develop.ts');
      await develop(flags, devFlags);
    },
  );
  return addExamples(command, [
    ['cambium dev -t app', 'a new image after each edit'],
    ['cambium dev --run -p 8080:80', 'and a server on it, which is swapped when the new one listens'],
    ['cambium dev --run . -- npm start', 'with a command of yours'],
    ["cambium dev -t app --exec 'docker compose up -d app' --load", 'into Docker, and then a command'],
    ['cambium dev -t app --live', 'what steps leave running (a Gradle daemon) is there for the next edit'],
    ['cambium dev --clean', 'end that'],
    ['cambium dev -t app --verify idle', 'hold the warm image against a clean build when there is time'],
  ]);
}

/** `dev -- npm start` names no path: what stands behind `--` is the command. */
function behindDashes(
  where: string | undefined,
  words: string[],
): { where: string | undefined; words: string[] } {
  const dashes = process.argv.indexOf('--', 2);
  if (dashes === -1 || where === undefined) return { where, words };
  const behind = process.argv.slice(dashes + 1);
  return behind.length > words.length ? { where: undefined, words: behind } : { where, words };
}
