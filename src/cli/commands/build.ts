/** `cambium build`: builds an image, running only what changed. */
import { Command } from 'commander';
import { addBuildFlags, type RawFlags, readBuildFlags } from '../build-flags.ts';
import { addExamples } from '../help.ts';
import { runBuild } from '../run-build.ts';

export function define(): Command {
  const command = new Command('build')
    .description('build an image, running only what changed')
    .argument('[path]', 'a folder with a build file, a .spec, a .ts, or - (default: this folder)');
  addBuildFlags(command).action(async (where: string | undefined, raw: RawFlags) => {
    await runBuild(readBuildFlags(where, raw, process.cwd(), process.env), 'build');
  });
  return addExamples(command, [
    ['cambium build', 'build what this folder describes'],
    ['cambium build hello.spec -t hello', 'build a stage spec, and name the image'],
    ['cambium build hello.spec --set release=12 --target base', 'with a setting, up to one stage'],
    ['cambium build -o type=docker,dest=hello.tar', 'write a tar for docker load'],
    ['cambium build -o type=oci,dest=out/', 'write a folder in OCI layout'],
    ['cambium build volume://src -o type=local,dest=volume://out/bin', 'from one volume to another'],
    ['cambium build --cpus 2 --memory 1g --stats', 'give each run two cores and 1 GiB; show what it used'],
  ]);
}
