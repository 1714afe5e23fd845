/** Makes folders. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, outside } from './errors.ts';
import { statIfThere } from './stat.ts';

/**
 * Makes a folder and those above it that are missing. Not by Node's own `recursive`, which never ends where the system says
 * that a name can't be made (in /proc).
 */
export function makeFolder(path: string, mode = 0o777): void {
  if (isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent, mode);
  try {
    mkdirSync(path, mode);
  } catch (error) {
    // Another process may have made it just now.
    if (isFolder(path)) return;
    if (errnoOf(error) === 'EEXIST')
      throw outside('no-folder', `The folder ${path} can't be made there: something else has its name.`, {
        cause: error,
      });
    if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') throw error;
    throw outside('no-folder', `The folder ${path} can't be made there.`, { cause: error });
  }
}

function isFolder(path: string): boolean {
  return statIfThere(path)?.isDirectory() === true;
}
