/**
 * Outputs appear whole or not at all: they are written under another name beside their place, files without any name where that
 * can be, then renamed.
 */
import { closeSync, mkdirSync, openSync, readdirSync, realpathSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errnoOf, explainSystemError, outside, wrongUse } from '../../kit/errors.ts';
import { statIfThere } from '../../kit/stat.ts';
import { nameOpenFile, openNameless } from '../../kit/system.ts';
import { removeTree } from '../../kit/tar/safe-root.ts';
import { newId } from '../../store/runs.ts';

function besides(dest: string): string {
  return join(dirname(dest), `.${basename(dest)}.${newId()}.tmp`);
}

/** Writes the file `dest` by `write`. */
export async function replaceFile<T>(dest: string, write: (fd: number) => Promise<T>): Promise<T> {
  const there = statIfThere(dest);
  if (there?.isDirectory()) {
    throw wrongUse('dest-is-a-folder', `The output's dest ${dest} is a folder.`, {
      hint: 'Name the file to write in it.',
    });
  }
  // A rename would put a file in the place of /dev/null.
  if (there && !there.isFile())
    throw wrongUse('dest-is-no-file', `The output's dest ${dest} is no regular file.`, {
      hint: 'Use dest=- for standard output.',
    });
  // Of a link, the file it leads to is replaced.
  return withPlace(there ? realpathSync(dest) : dest, async (temporary) => {
    const nameless = openNameless(dirname(temporary));
    const fd = nameless ?? openSync(temporary, 'wx+', 0o666);
    try {
      const result = await write(fd);
      if (nameless !== undefined) nameOpenFile(fd, temporary);
      return result;
    } finally {
      closeSync(fd);
    }
  });
}

/** Makes the folder `dest`, which must be absent or empty, by `fill`. */
export function makeFolder<T>(dest: string, fill: (folder: string) => Promise<T>): Promise<T> {
  const there = statIfThere(dest);
  // A link stays, and leads to the new folder.
  return withPlace(there ? realpathSync(dest) : dest, async (temporary) => {
    mkdirSync(temporary);
    return fill(temporary);
  });
}

async function withPlace<T>(dest: string, write: (temporary: string) => Promise<T>): Promise<T> {
  const temporary = besides(dest);
  try {
    const result = await write(temporary);
    renameSync(temporary, dest);
    return result;
  } catch (error) {
    removeTree(temporary);
    if (errnoOf(error) === 'ENOENT' && !statIfThere(dirname(dest))) {
      throw wrongUse(
        'no-such-folder',
        `The output can't be written to ${dest}: there is no folder ${dirname(dest)}.`,
        { cause: error },
      );
    }
    // Some folders take no new names, and say so: /proc.
    if (errnoOf(error) === 'ENOENT')
      throw outside('no-file', `The output can't be written to ${dest}: nothing can be made there.`, {
        cause: error,
      });
    throw explainSystemError(error, `writing ${dest}`);
  }
}

/** `absent` and `empty` places are free to be taken. */
export function stateOf(dest: string): 'absent' | 'empty' | 'filled' | 'no-folder' {
  const stats = statIfThere(dest);
  if (stats === undefined) return 'absent';
  if (!stats.isDirectory()) return 'no-folder';
  return readdirSync(dest).length === 0 ? 'empty' : 'filled';
}
