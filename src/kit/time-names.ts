/** Names of files that hold the time at which they were made, as those of logs do: no two runs give the same. */
import { posix } from 'node:path';

/** A day as `2026-11-21`, with any or no separator, or seconds and milliseconds since 1970 of this century. */
const time =
  /(?<!\d)20\d\d([-_.]?)(0[1-9]|1[0-2])\1([0-2]\d|3[01])(?!\d{3})|(?<!\d)[1-4]\d{9}(\d{3}){0,3}(?!\d)/;

/** The path with `*` for each number of such a name: that of all files which are made for the same at other times. Others stay. */
export function timelessName(path: string): string {
  const name = posix.basename(path);
  return time.test(name) ? posix.join(posix.dirname(path), name.replace(/\d+/g, '*')) : path;
}
