/** Which build file a command line means. */
import { readdirSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { wrongUse } from '../kit/errors.ts';

const forms = 'A build file is a spec (ending in .spec) or cambium.ts.';

/**
 * The absolute path of the build file for `PATH|SPEC` and `--file`. A folder means its cambium.ts, or the one spec that it
 * or its folder spec/ holds. Errors are `UserError`s of wrong use.
 */
export function findBuildFile(pathArgument: string | undefined, fileFlag: string | undefined): string {
  const path = resolve(fileFlag ?? pathArgument ?? '.');
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw missing(path);
  if (stats.isDirectory()) return inFolder(path);
  if (/\.(spec|ts)$/.test(path)) return path;
  if (isDockerfile(basename(path))) throw dockerfile(path);
  throw wrongUse('unknown-build-file', `${path} is not a build file that this version knows.`, {
    hint: forms,
  });
}

function inFolder(folder: string): string {
  const program = join(folder, 'cambium.ts');
  if (statSync(program, { throwIfNoEntry: false })?.isFile()) return program;
  const specs = [folder, join(folder, 'spec')].flatMap(specsIn);
  const [spec] = specs;
  if (spec !== undefined && specs.length === 1) return spec;
  if (spec !== undefined) {
    throw wrongUse('several-specs', `${folder} has ${specs.length} specs: name one of them.`, {
      hint: `They are ${specs.join(', ')}.`,
    });
  }
  if (readdirSync(folder).some(isDockerfile)) throw dockerfile(folder);
  throw wrongUse('missing-build-file', `${folder} has no build file.`, { hint: forms });
}

function specsIn(folder: string): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(folder)
    .filter(
      (name) => name.endsWith('.spec') && statSync(join(folder, name), { throwIfNoEntry: false })?.isFile(),
    )
    .sort()
    .map((name) => join(folder, name));
}

function isDockerfile(name: string): boolean {
  return /^(Docker|Container)file(\..*)?$|\.[Dd]ockerfile$/.test(name);
}

function dockerfile(path: string): Error {
  return wrongUse('dockerfile', `${path}: Dockerfiles come with the next version.`, {
    hint: `${forms} \`cambium init\` starts one.`,
  });
}

function missing(path: string): Error {
  return wrongUse('missing-build-file', `${path} doesn't exist.`, { hint: forms });
}
