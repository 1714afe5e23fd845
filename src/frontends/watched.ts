/** What of the host a build depends on: the places that `dev` watches. */
import { realpathSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { WatchPlace } from '../kit/watch/index.ts';
import type { Plan, Step } from '../plan/index.ts';
import type { ProjectRequest } from './build-request.ts';

/** Nobody writes build files there, and both are large. */
const besideBuildFiles = ['**/.git', '**/node_modules'];

/**
 * Places with the inputs of a plan, and with the files that the plan itself was made of. Without a plan (the build file
 * can't be read), what may mend it.
 */
export function watchedPlaces(
  { path, settingsFile, dockerfile }: Pick<ProjectRequest, 'path' | 'settingsFile' | 'dockerfile'>,
  plan: Pick<Plan, 'steps'> | undefined,
): WatchPlace[] {
  const context = dockerfile?.context.type === 'folder' ? dockerfile.context.path : undefined;
  const places: WatchPlace[] = [
    ...(path === '-' ? [] : filePlaces(path, [basename(path), `${basename(path)}.dockerignore`])),
    ...(settingsFile === undefined ? [] : filePlaces(settingsFile)),
    ...(context === undefined ? [] : [{ path: context, names: ['.dockerignore'] }]),
    ...(plan?.steps ?? []).flatMap(inputsOf),
  ];
  // A program imports what it likes, and a spec has its stages beside it.
  if (dockerfile === undefined) places.push({ path: dirname(path), ignore: besideBuildFiles });
  else if (plan === undefined && context !== undefined)
    places.push({ path: context, ignore: besideBuildFiles });
  return unique(places);
}

function inputsOf({ op }: Step): WatchPlace[] {
  if (op.type === 'copy')
    return op.copies.flatMap(({ from }) =>
      from.type === 'folder' ? [{ path: from.path, ...(from.ignore && { ignore: from.ignore }) }] : [],
    );
  if (op.type !== 'source') return [];
  const { source } = op;
  if (source.type === 'tarball') return filePlaces(source.path);
  return source.type === 'folder' || source.type === 'oci-layout' ? [{ path: source.path }] : [];
}

/** A file by its name, and what it is a link to. */
function filePlaces(path: string, names: readonly string[] = [basename(path)]): WatchPlace[] {
  const place = { path: dirname(path), names };
  try {
    const real = realpathSync(path);
    return real === path ? [place] : [place, { path: dirname(real), names: [basename(real)] }];
  } catch {
    return [place];
  }
}

function unique(places: readonly WatchPlace[]): WatchPlace[] {
  return [...new Map(places.map((place) => [JSON.stringify(place), place])).values()];
}
