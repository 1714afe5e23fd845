/** What is at a path, and whether it can be written to. */
import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { errnoOf } from './errors.ts';

/**
 * With links followed. Undefined where nothing can be: no such name, a file in the place of a folder, or links that lead in a
 * circle. Node's own `throwIfNoEntry` knows the first of these only.
 */
export function statIfThere(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR' || errnoOf(error) === 'ELOOP') return undefined;
    throw error;
  }
}

/** What the disk says, whoever asks: rights come second. */
export function isOnReadOnlyDisk(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (error) {
    return errnoOf(error) === 'EROFS';
  }
}
