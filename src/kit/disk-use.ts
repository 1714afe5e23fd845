/** How much room a tree takes on its disk. */
import { lstatSync, readdirSync } from 'node:fs';
import { encodeName } from './names.ts';

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
  return walk(encodeName(folder));
}
