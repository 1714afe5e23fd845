/** Several folders of an overlay made one. Files are hard links, for no snapshot is ever written to. */
import { linkSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { copyMetadata, copyNode, makeEntry } from '../../../kit/copy-node.ts';
import { fsPath } from '../../../kit/names.ts';
import { makeNode, setTimes, setXattr } from '../../../kit/system.ts';
import { readEntry } from '../../../kit/walk.ts';

import { walkFolders } from './overlay-folders.ts';

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
export function foldInto(target: string, folders: readonly string[], below: readonly string[]): void {
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
