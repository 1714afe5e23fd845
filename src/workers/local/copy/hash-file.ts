/** Reads files of the host that may change meanwhile: then what was read is nobody's content, and the build stops. */
import { createHash, hash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { errnoOf, wrongUse } from '../../../kit/errors.ts';
import { type FileRows, sameRow } from '../../../kit/file-rows.ts';
import type { Work } from '../../../kit/in-turns.ts';
import { fsPath } from '../../../kit/names.ts';
import { rowOfDescriptor } from '../../../kit/statx.ts';

const chunk = Buffer.allocUnsafeSlow(1 << 20);

/** SHA-256 of a file's content in hex. `expected`: its metadata when it was listed. */
export function* hashFile(host: string, expected?: FileRows): Work<string> {
  const fd = openToRead(host);
  try {
    let length = readSync(fd, chunk, 0, chunk.length, null);
    let result: string;
    if (length < chunk.length) result = hash('sha256', chunk.subarray(0, length));
    else {
      const hasher = createHash('sha256');
      for (; length > 0; length = readSync(fd, chunk, 0, chunk.length, null)) {
        hasher.update(chunk.subarray(0, length));
        yield;
      }
      result = hasher.digest('hex');
    }
    if (expected !== undefined) checkUnchanged(host, fd, expected);
    return result;
  } finally {
    closeSync(fd);
  }
}

function openToRead(host: string): number {
  try {
    return openSync(fsPath(host), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'ENXIO'].includes(errnoOf(error) ?? '')) throw changedWhileRead(host, error);
    throw error;
  }
}

/** The error for a source that a person, or a program, edits while it is copied. */
export function changedWhileRead(host: string, cause?: unknown) {
  return wrongUse('changed-while-copied', `The file ${host} changed while it was being copied.`, {
    hint: 'Build again when nothing writes to it, or leave it out with an ignore file.',
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Checks that an open file of the host is still as it was listed. */
export function checkUnchanged(host: string, fd: number, expected: FileRows): void {
  if (!sameRow(rowOfDescriptor(fd), expected)) throw changedWhileRead(host);
}
