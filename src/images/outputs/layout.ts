/**
 * Writes an image into a folder in OCI image layout. In one that is there already, blobs of the right size stay as
 * they are, and index.json, written last, keeps the other images. Blobs are copies (sharing blocks where the file
 * system can), never hard links: people edit what they are given.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { wrongUse } from '../../kit/errors.ts';
import { copyFileContent } from '../../kit/tar/copy-entry.ts';
import { newId } from '../../store/runs.ts';
import type { Store } from '../../store/store.ts';
import type { Composed } from '../indexes.ts';
import {
  blobParts,
  type IndexEntry,
  indexEntries,
  indexFile,
  layoutFile,
  type Part,
  tagAnnotation,
} from './parts.ts';
import { makeFolder, stateOf } from './replace.ts';

/** Writes the layout and returns the bytes that were written for it. */
export async function writeLayout(
  store: Store,
  composed: Composed,
  tags: readonly string[],
  dest: string,
  signal?: AbortSignal,
): Promise<number> {
  const entries = indexEntries(composed, tags);
  const parts = blobParts(store, composed);
  switch (stateOf(dest)) {
    case 'absent':
    case 'empty':
      return makeFolder(dest, (folder) => fill(folder, parts, entries, signal));
    case 'no-folder':
      throw wrongUse('dest-is-a-file', `The output's dest ${dest} is a file, and a folder is to be written.`);
    default:
      if (!existsSync(join(dest, 'oci-layout'))) {
        throw wrongUse('dest-not-empty', `The output's dest ${dest} holds other files.`, {
          hint: 'Name a new folder, or an OCI layout to add to.',
        });
      }
      return fill(dest, parts, merge(dest, entries), signal);
  }
}

async function fill(
  folder: string,
  parts: readonly Part[],
  entries: readonly IndexEntry[],
  signal?: AbortSignal,
): Promise<number> {
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true });
  const added: string[] = [];
  let bytes = 0;
  try {
    for (const part of parts) {
      const path = join(folder, part.name);
      const size = 'bytes' in part ? part.bytes.length : part.size;
      if (statSync(path, { throwIfNoEntry: false })?.size === size) continue;
      added.push(path);
      await putFile(path, part, signal);
      bytes += size;
    }
  } catch (error) {
    for (const path of added) rmSync(path, { force: true });
    throw error;
  }
  if (!existsSync(join(folder, 'oci-layout')))
    await putFile(join(folder, 'oci-layout'), { name: '', bytes: layoutFile });
  await putFile(join(folder, 'index.json'), { name: '', bytes: indexFile(entries) });
  return bytes;
}

async function putFile(path: string, part: Part, signal?: AbortSignal): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${newId()}.tmp`);
  try {
    if ('bytes' in part) writeFileSync(temporary, part.bytes, { flag: 'wx', mode: 0o644 });
    else await copyFileContent(part.path, temporary, 0o644, signal);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** The entries of the layout that is there, less those whose tag the new ones take. */
function merge(folder: string, entries: readonly IndexEntry[]): IndexEntry[] {
  const taken = new Set(entries.map(({ annotations }) => annotations?.[tagAnnotation]));
  const path = join(folder, 'index.json');
  if (!existsSync(path)) return [...entries];
  try {
    const { manifests = [] } = JSON.parse(readFileSync(path, 'utf8')) as { manifests?: IndexEntry[] };
    return [...manifests.filter(({ annotations }) => !taken.has(annotations?.[tagAnnotation])), ...entries];
  } catch (error) {
    throw wrongUse('broken-layout', `${path} is no OCI index.`, { cause: error });
  }
}
