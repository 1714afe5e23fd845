/** Lists trees in full, so that two of them can be compared: path, type, mode, owner, times, content, links, xattrs. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fsPath } from '../../src/kit/names.ts';
import { joinPath, listFolder, readEntry } from '../../src/kit/walk.ts';

export interface ListOptions {
  times?: boolean;
  /** Paths left out, with all below. */
  without?: readonly string[];
}

/** One line an entry, sorted. Hard links name the first path of their inode. */
export function listTree(root: string, options: ListOptions = {}): string[] {
  const lines: string[] = [];
  const inodes = new Map<string, string>();
  const visit = (path: string) => {
    for (const name of listFolder(path === '' ? root : join(root, path))) {
      const at = joinPath(path, name);
      if (options.without?.includes(at)) continue;
      const host = join(root, at);
      const entry = readEntry(host, at);
      const first = entry.inode === undefined ? undefined : (inodes.get(entry.inode) ?? at);
      if (entry.inode !== undefined && first === at) inodes.set(entry.inode, at);
      const fields = [
        at,
        entry.type,
        entry.type === 'symlink' ? '-' : entry.mode.toString(8),
        `${entry.uid}:${entry.gid}`,
        entry.type === 'file'
          ? createHash('sha256')
              .update(readFileSync(fsPath(host)))
              .digest('hex')
              .slice(0, 16)
          : '-',
        entry.link ?? (entry.device ? `${entry.device.major}:${entry.device.minor}` : '-'),
        [...(entry.xattrs ?? [])].map(([key, value]) => `${key}=${value.toString('hex')}`).join(',') || '-',
        first !== undefined && first !== at ? `link to ${first}` : '-',
        options.times === false ? '-' : String(entry.mtimeNs),
      ];
      lines.push(fields.join(' '));
      if (entry.type === 'directory') visit(at);
    }
  };
  visit('');
  return lines;
}
