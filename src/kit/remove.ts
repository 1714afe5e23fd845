/** Removes host folders however deep they are: a command or an archive may have made them so. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { errnoOf } from './errors.ts';

/** Removes what is at the host path, with all below it; nothing there is fine. */
export function removeAll(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    if (!isTooDeep(error)) throw error;
    // rm(1) goes from folder to folder.
    execFileSync('rm', ['-rf', '--', path]);
  }
}

/** Whether something failed as folders lie deeper than whole paths lead, or than functions may call themselves. */
export function isTooDeep(error: unknown): boolean {
  return error instanceof RangeError || errnoOf(error) === 'ENAMETOOLONG';
}
