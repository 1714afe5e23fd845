/** ADD of archives: unpacked into a scratch folder first, which is then copied like any other. */

import { spawn } from 'node:child_process';
import { closeSync, constants, createReadStream, mkdirSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../../kit/errors.ts';
import { typeOfRow } from '../../../kit/file-rows.ts';
import { inTurns } from '../../../kit/in-turns.ts';
import { fsPath } from '../../../kit/names.ts';
import { decompress } from '../../../kit/tar/decompress.ts';
import { streamInput } from '../../../kit/tar/input.ts';
import { readTar } from '../../../kit/tar/read.ts';
import { unpackTar } from '../../../kit/tar/unpack.ts';
import type { Database } from '../../../store/database.ts';
import { newId } from '../../../store/runs.ts';
import { scanTree } from './scan.ts';
import { type Pick, selectPath } from './select.ts';
import type { CopyInput, CopyInputSource } from './targets.ts';
import { openTree } from './tree.ts';

/** Compressions that node has not: by the first bytes, the program that reads them. */
const programs: readonly { head: readonly number[]; program: string }[] = [
  { head: [0x42, 0x5a, 0x68], program: 'bzip2' },
  { head: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], program: 'xz' },
];

/** The inputs, with each file that is an archive replaced by its content, unpacked below `scratch`. */
export async function unpackArchives(
  db: Database,
  inputs: readonly CopyInput[],
  scratch: string,
  signal: AbortSignal,
): Promise<CopyInput[]> {
  const unpacked: CopyInput[] = [];
  for (const input of inputs) {
    if (!input.copy.select?.unpack) {
      unpacked.push(input);
      continue;
    }
    const sources: CopyInputSource[] = [];
    for (const source of input.sources) {
      const isFile = typeOfRow(source.taken.rows) === 'file';
      const isArchive = isFile && (await isTar(source.host));
      sources.push(isArchive ? await unpackOne(db, source, scratch, signal) : source);
    }
    unpacked.push({ ...input, sources });
  }
  return unpacked;
}

export async function isTar(host: string): Promise<boolean> {
  try {
    for await (const _ of readTar(streamInput(plain(host)))) return true;
    return false;
  } catch (error) {
    // Whatever else it is, it is copied as it stands; a program that is missing is worth a word.
    if (error instanceof UserError && error.code === 'missing-program') throw error;
    return false;
  }
}

async function unpackOne(
  db: Database,
  source: CopyInputSource,
  scratch: string,
  signal: AbortSignal,
): Promise<CopyInputSource> {
  const host = join(scratch, `unpacked-${newId()}`);
  mkdirSync(host);
  await unpackInto(source.host, host, signal);
  const [pick] = selectPath(openTree(host), '', undefined) as [Pick];
  const request = { host, taken: pick.taken, keepsOwner: true, memo: new Map() };
  const scan = await inTurns(scanTree(db, request), signal);
  return { host, name: source.name, scan, taken: pick.taken, isArchive: true };
}

/** Unpacks an archive, compressed or not, into the folder `root`. */
export function unpackInto(archive: string, root: string, signal: AbortSignal): Promise<void> {
  return unpackTar(streamInput(plain(archive)), root, { signal, allowMissingEnd: true });
}

/** The file is opened here: only this thread sees the mounts of snapshots, those that read for streams don't. */
async function* plain(host: string): AsyncGenerator<Buffer> {
  const fd = openSync(fsPath(host), constants.O_RDONLY | constants.O_NOFOLLOW);
  const head = Buffer.alloc(6);
  readSync(fd, head, 0, head.length, 0);
  const program = programs.find(({ head: bytes }) => bytes.every((byte, at) => head[at] === byte))?.program;
  if (program === undefined) {
    yield* decompress(createReadStream('', { fd, start: 0, highWaterMark: 1 << 20 }));
    return;
  }
  closeSync(fd);
  yield* throughProgram(program, host);
}

async function* throughProgram(program: string, host: string): AsyncGenerator<Buffer> {
  const input = openSync(fsPath(host), constants.O_RDONLY | constants.O_NOFOLLOW);
  const child = spawn(program, ['-dc'], { stdio: [input, 'pipe', 'ignore'] });
  closeSync(input);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', reject);
  });
  ended.catch(() => {});
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) yield chunk;
    await ended;
  } finally {
    if (child.exitCode === null) child.kill('SIGKILL');
  }
}
