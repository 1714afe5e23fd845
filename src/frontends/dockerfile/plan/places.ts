/** Where content comes from: names of images and contexts, as FROM, COPY and mounts write them. */
import { join, resolve } from 'node:path';
import { type SourceLocation, UserError, wrongUse } from '../../../kit/errors.ts';
import { existsSync, readFileSync, statIfThere } from '../../../kit/host-files.ts';
import { parseIgnoreFile } from '../../../kit/ignore.ts';
import type { CopySource, Platform, Source } from '../../../plan/index.ts';
import type { BaseImage, PlanRequest } from '../../request.ts';
import { parseSource } from '../../sources.ts';
import { normalPlatform } from '../language/platform.ts';
import type { DockerfileOptions } from '../request.ts';
import { parseGitUrl } from './git-url.ts';

/** A place by name: a folder of the host that is copied from, or what a step brings in. */
export type Place =
  | { folder: CopySource & { type: 'folder' }; source: Source }
  | { folder?: never; source: Source };

/** The context of that name, given by `--build-context`; undefined without one. */
export function namedContext(
  options: DockerfileOptions,
  name: string,
  location: SourceLocation,
): Place | undefined {
  const short = name.replace(/^docker\.io\//, '').replace(/^library\//, '');
  const names = [name, name.replace(/:latest$/, ''), short, short.replace(/:latest$/, '')];
  // Names of stages and images have no upper case letters, but flags may.
  const found = Object.entries(options.contexts).find(
    ([own]) => names.includes(own) || names.includes(own.toLowerCase()),
  );
  return found && (localFolder(found[1], options.cwd) ?? readPlace(found[1], options.cwd, location));
}

/** A flag's value is a folder where there is one of that name, however it is written. */
function localFolder(text: string, cwd: string): Place | undefined {
  const path = resolve(cwd, text);
  if (!statIfThere(path)?.isDirectory()) return undefined;
  return { source: { type: 'folder', path }, folder: folderContext(path, ignoreFile(path)) };
}

/** What FROM or `--from` names, when it is no stage. */
export function imagePlace(options: DockerfileOptions, name: string, location: SourceLocation): Place {
  const { context, cwd, pull = false } = options;
  const tree = context.type === 'folder' ? context.path : cwd;
  const place = namedContext(options, name, location) ?? readPlace(name, tree, location);
  return pull && place.source.type === 'image' ? { source: { ...place.source, pull } } : place;
}

function readPlace(text: string, tree: string, location: SourceLocation): Place {
  const image = /^docker-image:\/\/(.+)$/.exec(text)?.[1];
  if (image !== undefined) return { source: { type: 'image', reference: image } };
  const remote = remoteSource(text);
  if (remote !== undefined) return { source: remote };
  const parsed = parseSource(text, tree, location);
  if ('complaint' in parsed) {
    const { code, message, ...rest } = parsed.complaint;
    throw wrongUse(code, message, rest);
  }
  const { source } = parsed;
  if (source.type !== 'folder') return { source };
  return { source, folder: folderContext(source.path, ignoreFile(source.path)) };
}

/** The same, of several platforms the one that is asked for. */
export function forPlatform(place: Place, platform: Platform | undefined): Place {
  const { source } = place;
  const hasPlatforms = source.type === 'image' || source.type === 'oci-layout';
  return hasPlatforms && platform ? { source: { ...source, platform: normalPlatform(platform) } } : place;
}

/** A repository or a file of the network, by its URL; undefined for all else. */
export function remoteSource(text: string): Source | undefined {
  const git = parseGitUrl(text);
  if (git !== undefined) {
    const { keepGitFolder, ...rest } = git;
    return { type: 'git', ...rest, ...(keepGitFolder && { keepGitFolder }) };
  }
  return /^https?:\/\//.test(text) ? { type: 'http', url: text, file: fileOfUrl(text) } : undefined;
}

/** The name that a downloaded file gets. */
export function fileOfUrl(text: string): string {
  const path = URL.canParse(text) ? new URL(text).pathname : '';
  const name = decodeURIComponent(path.split('/').at(-1) ?? '');
  return name === '' || name === '.' || name === '..' || name.includes('/') ? '__unnamed__' : name;
}

function folderContext(path: string, ignore: readonly string[]): CopySource & { type: 'folder' } {
  return { type: 'folder', path, ...(ignore.length > 0 && { ignore }) };
}

/** Patterns of a context's ignore file: `NAME.dockerignore` beside the Dockerfile NAME wins. */
export function ignoreFile(context: string, dockerfile?: string): string[] {
  const files = [
    ...(dockerfile === undefined ? [] : [`${dockerfile}.dockerignore`]),
    join(context, '.dockerignore'),
  ];
  const found = files.find((file) => existsSync(file));
  return found === undefined ? [] : parseIgnoreFile(readFileSync(resolve(found), 'utf8'));
}

/** Configuration and platform of a source that is an image; none for other sources. */
export async function describeSource(
  request: PlanRequest,
  source: Source,
  location: SourceLocation,
): Promise<BaseImage | undefined> {
  try {
    return await request.resolveImage?.(source);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { code, message, exitCode } = error;
    const elsewhere =
      source.type === 'image'
        ? `Or name where else it is: --build-context ${source.reference}=oci-layout://DIR`
        : '';
    const hint = [error.hint?.replace(/\.?$/, '.'), elsewhere].filter((text) => text).join(' ');
    throw new UserError({ code, message, exitCode, location, ...(hint !== '' && { hint }) });
  }
}
