/**
 * Copies what changed in the upper folder of an overlay that goes on being used. A file is told by its inode and the time of its
 * last change, which no program can set; so only what changed since the last capture is read.
 */
import { linkSync, mkdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { copyMetadata, makeEntry } from '../../../kit/copy-node.ts';
import { fsPath } from '../../../kit/names.ts';
import { makeNode, setXattr } from '../../../kit/system.ts';
import { joinPath, listFolder, lstat, readEntry, typeOf } from '../../../kit/walk.ts';
import { isOpaque, isWhiteout, opaqueXattr } from '../../../kit/whiteouts.ts';
import type { Seen } from './driver.ts';

/** Files that changed so shortly before may change again with the same time: they are copied the next time too. */
const clockGrainNs = 20_000_000n;
const gone = 'gone';

/**
 * Makes the empty folder `to` what has to lie on the last capture, of which `before` tells, so that both show what `upper` does.
 * Without `before` it is a copy of `upper`.
 */
export function captureUpper(upper: string, to: string, before: Seen | undefined): Seen {
  const oldNs = BigInt(Date.now()) * 1_000_000n - clockGrainNs;
  const linked = new Map<string, string>();
  /** Folders of `to`, which get their metadata when all is in them. */
  const made = new Set<string>();

  const makeFolder = (path: string): void => {
    if (path === '' || path === '.' || made.has(path)) return;
    makeFolder(posix.dirname(path));
    mkdirSync(fsPath(join(to, path)), { recursive: true });
    made.add(path);
  };
  const hide = (path: string): void => {
    makeFolder(posix.dirname(path));
    makeNode(join(to, path), 'char', 0);
  };
  const copy = (path: string): void => {
    makeFolder(posix.dirname(path));
    const entry = readEntry(join(upper, path), path);
    const twin = entry.inode === undefined ? undefined : linked.get(entry.inode);
    if (twin !== undefined) linkSync(fsPath(join(to, twin)), fsPath(join(to, path)));
    else makeEntry(entry, join(upper, path), join(to, path));
    if (entry.inode !== undefined) linked.set(entry.inode, path);
  };

  const walk = (folder: string, seen: Seen | undefined): Record<string, Seen> => {
    const inner: Record<string, Seen> = Object.create(null) as Record<string, Seen>;
    for (const name of listFolder(join(upper, folder))) {
      const path = joinPath(folder, name);
      const host = join(upper, path);
      const stats = lstat(host);
      const old = innerOf(seen, name);
      if (isWhiteout(stats)) {
        inner[name] = { id: gone };
        if (old?.id !== gone) hide(path);
        continue;
      }
      const type = typeOf(stats);
      // Sockets are in no image.
      if (type === 'socket') continue;
      if (type === 'directory') {
        const id = `folder ${stats.ino} ${stats.birthtimeNs}`;
        const isSame = old?.id.startsWith(`${id} `) ?? false;
        if (old?.id !== `${id} ${stats.ctimeNs}`) makeFolder(path);
        if (!isSame && (isOpaque(host) || (old !== undefined && old.id !== gone)))
          setXattr(join(to, path), opaqueXattr, Buffer.from('y'));
        inner[name] = { id: `${id} ${stats.ctimeNs}`, inner: walk(path, isSame ? old : undefined) };
        continue;
      }
      const young = stats.ctimeNs > oldNs ? ' young' : '';
      const id = `${type} ${stats.ino} ${stats.ctimeNs} ${stats.size}${young}`;
      if (old?.id !== id || young !== '') copy(path);
      inner[name] = { id };
    }
    for (const [name, old] of Object.entries(seen?.inner ?? {}))
      if (inner[name] === undefined && old.id !== gone) hide(joinPath(folder, name));
    return inner;
  };

  const seen: Seen = { id: '', inner: walk('', before) };
  for (const path of [...made].reverse()) copyMetadata(readEntry(join(upper, path), path), join(to, path));
  copyMetadata(readEntry(upper, ''), to);
  return seen;
}

function innerOf({ inner = {} }: Seen = { id: '' }, name: string): Seen | undefined {
  return Object.hasOwn(inner, name) ? inner[name] : undefined;
}
