/** Copies whole trees with all their metadata, and puts one into another. */
import { linkSync, renameSync } from 'node:fs';
import { turnTaker } from './in-turns.ts';
import { fsPath } from './names.ts';
import { setTimes } from './system.ts';
import { copyEntry } from './tar/copy-entry.ts';
import { removeTree } from './tar/safe-root.ts';
import type { Entry } from './tree.ts';
import { joinPath, listFolder, lstatIfAny } from './walk.ts';
import { walkTree } from './walk-tree.ts';

export interface CopyTreeOptions {
  signal?: AbortSignal | undefined;
  /** Changes an entry on the way; undefined leaves it (but not what is below it) out. */
  adapt?: (entry: Entry) => Entry | undefined;
}

/**
 * Copies the content of `root` into the folder `target`, which has none of it yet; blocks are shared where the file
 * system can, hard links stay links, sockets are left out. The target's own metadata stays as it is. Returns the bytes
 * of the files.
 */
export async function copyTree(root: string, target: string, options: CopyTreeOptions = {}): Promise<number> {
  const firstNames = new Map<string, string>();
  const folderTimes: [host: string, mtimeNs: bigint][] = [];
  let bytes = 0;
  const turn = turnTaker(options.signal);
  for (const { entry: found, host } of walkTree(root)) {
    const pause = turn();
    if (pause !== undefined) await pause;
    if (found.path === '' || found.type === 'socket') continue;
    const entry = options.adapt === undefined ? found : options.adapt(found);
    if (entry === undefined) continue;
    const to = `${target}/${entry.path}`;
    const first = entry.inode === undefined ? undefined : firstNames.get(entry.inode);
    if (first !== undefined) {
      linkSync(fsPath(first), fsPath(to));
      continue;
    }
    await copyEntry(entry, host, to, options.signal);
    bytes += entry.size;
    if (entry.inode !== undefined) firstNames.set(entry.inode, to);
    if (entry.type === 'directory') folderTimes.push([to, entry.mtimeNs]);
  }
  for (const [to, mtimeNs] of folderTimes.reverse()) setTimes(to, mtimeNs);
  return bytes;
}

/** Moves the content of folder `from` into the folder `to`: what has the same name is replaced, all else stays. */
export function mergeInto(from: string, to: string): void {
  for (const name of listFolder(from)) {
    const [source, dest] = [joinPath(from, name), joinPath(to, name)];
    const [new_, old] = [lstatIfAny(source), lstatIfAny(dest)];
    if (new_?.isDirectory() && old?.isDirectory()) {
      mergeInto(source, dest);
      setTimes(dest, new_.mtimeNs);
    } else {
      if (old?.isDirectory() || new_?.isDirectory()) removeTree(dest);
      renameSync(fsPath(source), fsPath(dest));
    }
  }
}
