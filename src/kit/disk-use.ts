/** How much room a tree takes on its disk. */
import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync } from 'node:fs';
import { encodeName } from './names.ts';
import { isTooDeep } from './remove.ts';

/** Bytes on disk of all that lies in a folder; files with several names count once. */
export function folderBytes(folder: string): number {
  const seen = new Set<string>();
  const walk = (path: Buffer): number => {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return 0;
    if (stats.nlink > 1 && !stats.isDirectory()) {
      const inode = `${stats.dev}:${stats.ino}`;
      if (seen.has(inode)) return 0;
      seen.add(inode);
    }
    let bytes = stats.blocks * 512;
    if (stats.isDirectory()) {
      for (const name of readdirSync(path, { encoding: 'buffer' }))
        bytes += walk(Buffer.concat([path, Buffer.from('/'), name]));
    }
    return bytes;
  };
  try {
    return walk(encodeName(folder));
  } catch (error) {
    if (!isTooDeep(error)) throw error;
    // du(1) goes from folder to folder.
    return Number.parseInt(execFileSync('du', ['-s', '-B1', '--', folder], { encoding: 'utf8' }), 10);
  }
}
