/**
 * Data that forks have changed where the file system has no copies of its own: folders of overlayfs on top of `fs/`. The
 * file `state` lists those that count, top first; without it `fs/` is all. They are folded into `fs/` as soon as nobody
 * works on a fork, in steps none of which changes the union: a process killed in between loses nothing.
 */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { copyMetadata } from '../kit/copy-node.ts';
import { errnoOf } from '../kit/errors.ts';
import { fsPath } from '../kit/names.ts';
import { removeXattr } from '../kit/system.ts';
import { removeTree } from '../kit/tar/safe-root.ts';
import { joinPath, listFolder, lstat, lstatIfAny, readEntry, treeXattrs } from '../kit/walk.ts';
import { isOpaque, isWhiteout, opaqueXattr } from '../kit/whiteouts.ts';

/** Attributes of overlayfs on what it copied up: elsewhere they mean nothing. */
const overlayXattrs = ['trusted.overlay.origin', 'trusted.overlay.impure', 'trusted.overlay.nlink'];

/** Names of the folders below `dir`, a volume's, whose union is its data: top first. */
export function foldersOf(dir: string): string[] {
  const layers = isLayered(dir) ? (JSON.parse(readFileSync(join(dir, 'state'), 'utf8')) as string[]) : [];
  // One that is gone was folded by a process that could not say so any more.
  return [...layers.filter((name) => lstatIfAny(join(dir, name)) !== undefined), 'fs'];
}

export function isLayered(dir: string): boolean {
  return lstatIfAny(join(dir, 'state')) !== undefined;
}

/** Makes the folder `upper` the top of the data, on what it was mounted on; both lie on one file system. */
export function putOnTop(dir: string, upper: string, below: readonly string[], name: string): void {
  mkdirSync(join(dir, 'layers'), { recursive: true, mode: 0o711 });
  const layer = join('layers', name);
  renameSync(upper, join(dir, layer));
  const layers = [layer, ...below.filter((folder) => folder !== 'fs')];
  writeFileSync(join(dir, 'state.new'), JSON.stringify(layers));
  renameSync(join(dir, 'state.new'), join(dir, 'state'));
}

/** Folds all layers into `fs/`. Nobody else may use the volume. */
export function foldLayers(dir: string): void {
  for (const layer of foldersOf(dir).slice(0, -1).reverse()) fold(join(dir, layer), join(dir, 'fs'));
  rmSync(join(dir, 'state'), { force: true });
  // Those of forks that were overtaken by another's success.
  const layers = join(dir, 'layers');
  if (lstatIfAny(layers) === undefined) return;
  for (const name of readdirSync(layers)) removeTree(join(layers, name));
  rmdirSync(layers);
}

/** Moves the content of `upper` to `lower`, entry by entry, and removes `upper`. */
function fold(upper: string, lower: string): void {
  const folder = readEntry(upper, '');
  if (isOpaque(upper)) {
    for (const name of listFolder(lower)) removeTree(joinPath(lower, name));
    removeXattr(upper, opaqueXattr);
  }
  for (const name of listFolder(upper)) {
    const [from, to] = [joinPath(upper, name), joinPath(lower, name)];
    const stats = lstat(from);
    const isFolder = stats.isDirectory();
    // What it hides goes first: until `from` itself moves, nobody sees the difference.
    if (isWhiteout(stats) || lstatIfAny(to)?.isDirectory() !== isFolder) removeTree(to);
    if (isWhiteout(stats)) unlinkSync(fsPath(from));
    else if (isFolder) {
      if (lstatIfAny(to) === undefined) mkdirSync(fsPath(to));
      fold(from, to);
    } else {
      dropOverlayXattrs(from);
      renameSync(fsPath(from), fsPath(to));
    }
  }
  for (const name of treeXattrs(lower)?.keys() ?? []) if (!folder.xattrs?.has(name)) removeXattr(lower, name);
  copyMetadata(folder, lower);
  rmdirSync(fsPath(upper));
}

function dropOverlayXattrs(path: string): void {
  for (const name of overlayXattrs) {
    try {
      removeXattr(path, name);
    } catch (error) {
      if (errnoOf(error) !== 'ENODATA') throw error;
    }
  }
}
