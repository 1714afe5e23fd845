/** Copies one entry to any file system, also one of another kind than its own. */
import { closeSync, constants, fstatSync, ftruncateSync, openSync } from 'node:fs';
import { copyMetadata, makeEntry } from '../copy-node.ts';
import { outside } from '../errors.ts';
import { fsPath } from '../names.ts';
import { seek } from '../system.ts';
import type { Entry } from '../tree.ts';
import { transfer } from './transfer.ts';

/** Makes `entry` at the free host path `to`, with all metadata; a file's content comes from host path `content`. */
export async function copyEntry(
  entry: Entry,
  content: string,
  to: string,
  signal?: AbortSignal,
): Promise<void> {
  if (entry.type !== 'file') return makeEntry(entry, content, to);
  await copyFileContent(content, to, 0o600, signal);
  copyMetadata(entry, to);
}

/** Copies a file to the new file `to`; blocks are shared where that can be, holes stay holes. Returns its length. */
export async function copyFileContent(
  from: string,
  to: string,
  mode: number,
  signal?: AbortSignal,
): Promise<number> {
  const input = openSync(fsPath(from), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const output = openSync(fsPath(to), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
    try {
      const { size, blocks } = fstatSync(input);
      ftruncateSync(output, size);
      for (const [start, end] of dataOf(input, size, blocks * 512 < size)) {
        const copied = await transfer({
          from: input,
          fromAt: start,
          to: output,
          toAt: start,
          length: end - start,
          signal,
        });
        if (copied < end - start)
          throw outside('changed-while-read', `The file ${from} changed while it was read.`);
      }
      return size;
    } finally {
      closeSync(output);
    }
  } finally {
    closeSync(input);
  }
}

function* dataOf(fd: number, size: number, isSparse: boolean): Generator<[start: number, end: number]> {
  if (!isSparse) {
    yield [0, size];
    return;
  }
  for (let at = 0; at < size; ) {
    const start = seek(fd, at, 'data');
    if (start === undefined) return;
    at = seek(fd, start, 'hole') ?? size;
    yield [start, at];
  }
}
