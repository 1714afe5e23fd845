/** Which build file a command line means, and what it is built with. */
import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { wrongUse } from '../kit/errors.ts';
import { statIfThere } from '../kit/stat.ts';

const forms = 'A build file is a Dockerfile, a spec (ending in .spec) or cambium.ts.';

export interface BuildFile {
  /** Absolute; `-` for a Dockerfile on standard input. */
  path: string;
  /** The build's context, of a Dockerfile only: a folder, an address, or `-` for what comes on standard input. */
  context?: string;
}

/**
 * The build file for `PATH|SPEC` and `--file`. A folder means its cambium.ts, its Dockerfile, or the one spec that it
 * or its folder spec/ holds. Errors are `UserError`s of wrong use.
 */
export function findBuildFile(
  pathArgument: string | undefined,
  fileFlag: string | undefined,
  cwd: string = process.cwd(),
): BuildFile {
  const where = pathArgument ?? '.';
  if (where === '') throw wrongUse('missing-build-file', 'PATH is empty.', { hint: 'This folder is `.`.' });
  if (where === '-') return { path: fileFlag === undefined ? '-' : fileFlag, context: '-' };
  if (/^(https?|ssh|git):\/\/|^[\w.-]+@[\w.-]+:/.test(where))
    return { path: fileFlag ?? 'Dockerfile', context: where };
  const path = resolve(cwd, where);
  if (fileFlag !== undefined) return named(path, fileFlag, cwd);
  const stats = statIfThere(path);
  if (stats === undefined) throw missing(path);
  if (stats.isDirectory()) return inFolder(path);
  if (/\.(spec|ts)$/.test(path)) return { path };
  if (isDockerfile(basename(path))) return { path, context: dirname(path) };
  throw wrongUse('unknown-build-file', `${path} is not a build file that this version knows.`, {
    hint: forms,
  });
}

function named(context: string, fileFlag: string, cwd: string): BuildFile {
  if (fileFlag !== '-') {
    const file = resolve(cwd, fileFlag);
    const stats = statIfThere(file);
    // People also write it relative to the context.
    const inside = resolve(context, fileFlag);
    const isInside = stats === undefined && statIfThere(inside)?.isFile() === true;
    if (stats === undefined && !isInside) throw missing(file);
    if (stats?.isDirectory()) return inFolder(file);
    if (/\.(spec|ts)$/.test(file)) return { path: file };
    return { path: isInside ? inside : file, context: folderOf(context) };
  }
  return { path: '-', context: folderOf(context) };
}

function folderOf(context: string): string {
  if (statIfThere(context)?.isDirectory()) return context;
  throw wrongUse('missing-context', `${context}, the context, is not a folder.`, {
    hint: 'Name the folder whose files COPY takes.',
  });
}

function inFolder(folder: string): BuildFile {
  const isFile = (name: string) => statIfThere(join(folder, name))?.isFile() === true;
  if (isFile('cambium.ts')) return { path: join(folder, 'cambium.ts') };
  const usual = ['Dockerfile', 'Containerfile'].find(isFile);
  if (usual !== undefined) return { path: join(folder, usual), context: folder };
  const specs = [folder, join(folder, 'spec')].flatMap(specsIn);
  const [spec] = specs;
  if (spec !== undefined && specs.length === 1) return { path: spec };
  if (spec !== undefined) {
    throw wrongUse('several-specs', `${folder} has ${specs.length} specs: name one of them.`, {
      hint: `They are ${specs.join(', ')}.`,
    });
  }
  const other = readdirSync(folder).find(isDockerfile);
  throw wrongUse('missing-build-file', `${folder} has no build file.`, {
    hint: other === undefined ? forms : `Name it: cambium build -f ${join(folder, other)} ${folder}`,
  });
}

function specsIn(folder: string): string[] {
  if (!statIfThere(folder)?.isDirectory()) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.spec') && statIfThere(join(folder, name))?.isFile())
    .sort()
    .map((name) => join(folder, name));
}

function isDockerfile(name: string): boolean {
  return /^(Docker|Container)file(\..*)?$|\.[Dd]ockerfile$/.test(name) && !name.endsWith('.dockerignore');
}

function missing(path: string): Error {
  return wrongUse('missing-build-file', `${path} doesn't exist.`, { hint: forms });
}
