/** Volumes that a stage mounts: its file `volumes`, or the property of that name in TypeScript. What they hold is in no key. */
import { join, posix } from 'node:path';
import { type SourceLocation, UserError } from '../../kit/errors.ts';
import { readFileSync, statIfThere } from '../../kit/host-files.ts';
import type { VolumeMount } from '../../plan/index.ts';
import { checkName } from '../../volumes/index.ts';
import type { Complaint } from '../complaints.ts';

/** Volumes that a stage's file `volumes` lists, one a line: `NAME /PATH`, and `ro` after it. `#` begins a comment. */
export function declaredVolumes(folder: string, complaints: Complaint[]): VolumeMount[] {
  const file = join(folder, 'volumes');
  if (!statIfThere(file)?.isFile()) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((text, index) => {
      const [name = '', path, mode, ...rest] = text.trim().split(/\s+/);
      if (name === '' || name.startsWith('#')) return [];
      const location = { file, line: index + 1 };
      if (path !== undefined && rest.length === 0 && (mode === undefined || mode === 'ro'))
        return volumeMount(name, path, mode === 'ro', location, complaints);
      complaints.push({
        code: 'bad-volume',
        message: `\`${text.trim()}\` names no volume and its place.`,
        hint: 'Write NAME /PATH, or NAME /PATH ro.',
        location,
      });
      return [];
    });
}

/** Volumes of a stage's options: `{ NAME: '/PATH' }` or `{ NAME: '/PATH:ro' }`. */
export function volumesOf(
  given: Readonly<Record<string, string>> | undefined,
  location: SourceLocation,
  complaints: Complaint[],
): VolumeMount[] {
  return Object.entries(given ?? {}).flatMap(([name, place]) => {
    const path = String(place);
    return volumeMount(name, path.replace(/:ro$/, ''), path.endsWith(':ro'), location, complaints);
  });
}

function volumeMount(
  name: string,
  path: string,
  readOnly: boolean,
  location: SourceLocation,
  complaints: Complaint[],
): VolumeMount[] {
  try {
    checkName(name);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    complaints.push({ code: error.code, message: error.message, location });
    return [];
  }
  const target = posix.normalize(path);
  if (path.startsWith('/') && target !== '/') return [{ type: 'volume', name, target, readOnly }];
  complaints.push({
    code: 'bad-mount-target',
    message: `The volume ${name} can't be at \`${path}\`: that takes an absolute path that isn't /.`,
    location,
  });
  return [];
}
