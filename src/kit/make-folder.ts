/** Makes folders. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, outside } from './errors.ts';

/**
 * Makes a folder and those above it that are missing. Not by Node's own `recursive`, which never ends where the system says
 * that a name can't be made (in /proc).
 */
export function makeFolder(path: string, mode = 0o777): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent, mode);
  try {
    mkdirSync(path, mode);
  } catch (error) {
    // Another process may have made it just now.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw outside('no-folder', `The folder ${path} can't be made there.`, { cause: error });
  }
}
