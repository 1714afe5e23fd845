/** Copies one file system entry with all of its metadata. */
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lchownSync,
  mkdirSync,
  openSync,
  symlinkSync,
} from 'node:fs';
import { atOnce, type Work } from './in-turns.ts';
import { encodeName, fsPath } from './names.ts';
import { copyRange, makeNode, reflink, reserve, seek, setTimes, setXattr } from './system.ts';
import type { Entry } from './tree.ts';
import { readEntry } from './walk.ts';

/** Copies the entry at host path `from` (not a folder's content) to the free host path `to`. */
export function copyNode(from: string, to: string): void {
  const entry = readEntry(from, '');
  makeEntry(entry, from, to);
}

/** Makes `entry` at the free host path `to`; a file's content comes from host path `content`. */
export function makeEntry(entry: Entry, content: string, to: string): void {
  switch (entry.type) {
    case 'file':
      copyContent(content, to);
      break;
    case 'directory':
      mkdirSync(fsPath(to));
      break;
    case 'symlink':
      symlinkSync(encodeName(entry.link as string), fsPath(to));
      break;
    default:
      makeNode(to, entry.type, entry.mode, entry.device);
  }
  copyMetadata(entry, to);
}

/** Gives the file at `to` all of `entry`'s metadata. The order matters: chown(2) drops setuid and capabilities. */
export function copyMetadata(entry: Entry, to: string): void {
  lchownSync(fsPath(to), entry.uid, entry.gid);
  if (entry.type !== 'symlink') chmodSync(fsPath(to), entry.mode);
  for (const [name, value] of entry.xattrs ?? []) setXattr(to, name, value);
  setTimes(to, entry.mtimeNs);
}

/** Copies a file's content inside the kernel, shared where the file system can, with holes kept. */
function copyContent(from: string, to: string): void {
  const input = openSync(fsPath(from), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const output = openSync(fsPath(to), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      atOnce(copyOpenFile(input, output));
    } finally {
      closeSync(output);
    }
  } finally {
    closeSync(input);
  }
}

/** As much is copied without a pause. */
const sliceBytes = 32 * 1024 * 1024;

/** Copies the content of an open file to an empty one. */
export function* copyOpenFile(input: number, output: number): Work {
  const stats = fstatSync(input);
  if (stats.size === 0) return;
  if (stats.size > 4096 && reflink(input, output)) return;
  // copy_file_range(2) fills holes on most file systems: a file with fewer blocks than bytes is copied by segments.
  if (stats.blocks * 512 < stats.size) yield* copySparse(input, output, stats.size);
  else {
    if (stats.size >= 1024 * 1024) reserve(output, 0, stats.size);
    yield* copySlices(input, output, stats.size);
  }
}

/** From where both files stand; returns the bytes copied, fewer where the input ends. */
function* copySlices(input: number, output: number, length: number): Work<number> {
  let done = 0;
  while (done < length) {
    const slice = Math.min(sliceBytes, length - done);
    const copied = copyRange(input, output, slice);
    done += copied;
    if (copied < slice) break;
    yield;
  }
  return done;
}

function* copySparse(input: number, output: number, size: number): Work {
  ftruncateSync(output, size);
  let at = 0;
  while (at < size) {
    const start = seek(input, at, 'data');
    if (start === undefined) return;
    const end = seek(input, start, 'hole') ?? size;
    seek(input, start, 'set');
    seek(output, start, 'set');
    if ((yield* copySlices(input, output, end - start)) === 0) return;
    at = end;
  }
}
