/** What is at a path that a person gave. */
import { type Stats, statSync } from 'node:fs';
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
