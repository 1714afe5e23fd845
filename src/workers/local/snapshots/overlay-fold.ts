/** Several folders of an overlay made one. Files are hard links, for no snapshot is ever written to. */
import { linkSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { copyMetadata, copyNode, makeEntry } from '../../../kit/copy-node.ts';
import { fsPath } from '../../../kit/names.ts';
import { makeNode, setTimes, setXattr } from '../../../kit/system.ts';
import { lstat, lstatIfAny, readEntry, typeOf } from '../../../kit/walk.ts';
import { isOpaque, isWhiteout } from '../../../kit/whiteouts.ts';
import { namesIn, walkFolders } from './overlay-folders.ts';

/** Makes `target` the union of `folders`; files are hard links, for no snapshot is ever written to. */
export function foldInto(folders: readonly string[], target: string): void {
  const top = folders[0] as string;
  mkdirSync(fsPath(target));
  for (const name of namesIn(folders)) {
    const found: string[] = [];
    for (const folder of folders) {
      const at = join(folder, name);
      const stats = lstatIfAny(at);
      if (stats === undefined) continue;
      if (isWhiteout(stats)) break;
      found.push(at);
      if (typeOf(stats) !== 'directory' || isOpaque(at)) break;
    }
    if (found[0] === undefined) continue;
    const stats = lstat(found[0]);
    const to = join(target, name);
    if (typeOf(stats) === 'directory')
      foldInto(
        found.filter((at) => typeOf(lstat(at)) === 'directory'),
        to,
      );
    else foldFile(found[0], to);
  }
  copyMetadata(readEntry(top, ''), target);
}

function foldFile(from: string, to: string): void {
  try {
    linkSync(fsPath(from), fsPath(to));
  } catch (error) {
    // An inode has a largest number of links (65,000 on ext4).
    if ((error as NodeJS.ErrnoException).code !== 'EMLINK') throw error;
    copyNode(from, to);
  }
}

/** Makes `target` the one folder that changes `below` as `folders` do together, the top first. */
export function squashInto(target: string, folders: readonly string[], below: readonly string[]): void {
  const top = folders[0] as string;
  mkdirSync(fsPath(target));
  const times: { at: string; mtimeNs: bigint }[] = [];
  for (const change of walkFolders(folders, '', below)) {
    if (change.kind === 'deleted') {
      makeNode(join(target, change.path), 'char', 0);
      continue;
    }
    const { entry, content, opaque } = change;
    const at = join(target, entry.path);
    if (entry.type !== 'directory') {
      foldFile(content, at);
      continue;
    }
    makeEntry(entry, content, at);
    if (opaque) setXattr(at, 'trusted.overlay.opaque', Buffer.from('y'));
    times.push({ at, mtimeNs: entry.mtimeNs });
  }
  // Their content came after them.
  for (const { at, mtimeNs } of times) setTimes(at, mtimeNs);
  copyMetadata(readEntry(top, ''), target);
}
