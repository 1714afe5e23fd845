/**
 * A folder as a copy sees it: metadata of its entries, read when first asked for and then kept, less what its ignore
 * patterns leave out. All copies of a build that take from one folder share one tree, so nothing is looked at twice.
 */
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type FileRows, rowAt, typeOfRow } from '../../../kit/file-rows.ts';
import { listEntries, rowOf } from '../../../kit/host-files.ts';
import { compileIgnore, type IgnoreMatch, notIgnored } from '../../../kit/ignore.ts';
import { decodeName, fsPath } from '../../../kit/names.ts';
import { joinPath, lstatIfAny } from '../../../kit/walk.ts';
import { type FolderContent, folderContent, keepEntries } from './folder-content.ts';

export interface Node {
  /** Relative to the tree's root; `''` is the root. */
  path: string;
  row: FileRows;
  /** What the ignore patterns say of it. A folder that they leave out stays for what they take back below it. */
  match: IgnoreMatch;
}

export interface Tree {
  /** Host folder. */
  root: string;
  /** The entry at a path, no links followed; undefined when it isn't there or is left out. */
  find(path: string): Node | undefined;
  content(folder: Node): FolderContent;
  /** The entry at this place of a folder's content. */
  entry(folder: Node, index: number): Node;
  /** Whether the ignore patterns leave out what the host has at this path. */
  leavesOut(path: string): boolean;
}

const maxLinks = 40;

export function openTree(root: string, patterns: readonly string[] = []): Tree {
  const ignore = patterns.length > 0 ? compileIgnore(patterns) : undefined;
  const prefix = root.endsWith('/') ? root : `${root}/`;
  const known = new Map<string, Node | undefined>();
  const folders = new Map<string, FolderContent>();

  const matchOf = (path: string, folder: Node) => ignore?.match(path, folder.match) ?? notIgnored;
  /** Of what is left out, folders are looked into only when something below them may be taken back. */
  const isOut = (match: IgnoreMatch, type?: string) =>
    match.ignored && (!ignore?.hasExceptions || (type !== undefined && type !== 'directory'));
  const look = (path: string, match: IgnoreMatch): Node | undefined => {
    const row = isOut(match) ? undefined : rowOf(path === '' ? root : prefix + path);
    if (row === undefined) return undefined;
    const type = typeOfRow(row);
    return type === 'socket' || isOut(match, type) ? undefined : { path, row, match };
  };
  const find = (path: string): Node | undefined => {
    if (known.has(path)) return known.get(path);
    const slash = path.lastIndexOf('/');
    const folder = path === '' ? undefined : find(slash === -1 ? '' : path.slice(0, slash));
    const isInFolder = folder !== undefined && typeOfRow(folder.row) === 'directory';
    const node =
      path === '' || isInFolder ? look(path, folder ? matchOf(path, folder) : notIgnored) : undefined;
    known.set(path, node);
    return node;
  };
  const list = (folder: Node): FolderContent => {
    const all = folderContent(listEntries(join(root, folder.path)));
    return keepEntries(all, (index) => {
      const type = typeOfRow(all.rows, index);
      if (type === 'socket') return false;
      return !ignore || !isOut(matchOf(joinPath(folder.path, all.names()[index] as string), folder), type);
    });
  };
  const content = (folder: Node): FolderContent => {
    const listed = folders.get(folder.path) ?? list(folder);
    folders.set(folder.path, listed);
    return listed;
  };
  return {
    root,
    find,
    content,
    entry(folder, index) {
      const { names, rows } = content(folder);
      const path = joinPath(folder.path, names()[index] as string);
      return { path, row: rowAt(rows, index), match: matchOf(path, folder) };
    },
    leavesOut: (path) =>
      ignore !== undefined && find(path) === undefined && lstatIfAny(join(root, path)) !== undefined,
  };
}

/**
 * The entry at a path with symlinks followed as if the tree's root were `/`: none leads out. Undefined where the way ends.
 */
export function resolveIn(tree: Tree, path: string): Node | undefined {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  const at: string[] = [];
  for (let links = 0; names.length > 0; ) {
    const name = names.shift() as string;
    if (name === '..') {
      at.pop();
      continue;
    }
    const node = tree.find([...at, name].join('/'));
    if (node === undefined) return undefined;
    if (typeOfRow(node.row) !== 'symlink') {
      at.push(name);
      continue;
    }
    links += 1;
    if (links > maxLinks) return undefined;
    const link = decodeName(readlinkSync(fsPath(join(tree.root, node.path)), { encoding: 'buffer' }));
    if (link.startsWith('/')) at.length = 0;
    names.unshift(...link.split('/').filter((part) => part !== '' && part !== '.'));
  }
  return tree.find(at.join('/'));
}
