/**
 * A folder as a copy sees it: metadata of its entries, read when first asked for and then kept, less what its ignore
 * patterns leave out. All copies of a build that take from one folder share one tree, so nothing is looked at twice.
 */
import { type BigIntStats, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { compileIgnore, type IgnoreMatch, notIgnored } from '../../../kit/ignore.ts';
import { decodeName, fsPath } from '../../../kit/names.ts';
import { joinPath, listFolder, lstatIfAny, typeOf } from '../../../kit/walk.ts';

export interface Node {
  /** Relative to the tree's root; `''` is the root. */
  path: string;
  stats: BigIntStats;
  /** A folder that is left out, but for what was taken back below it. */
  ignored: boolean;
}

export interface Tree {
  /** Host folder. */
  root: string;
  /** The entry at a path, no links followed; undefined when it isn't there or is left out. */
  find(path: string): Node | undefined;
  /** Entries of a folder, sorted by name. */
  children(folder: Node): readonly Node[];
  /** Whether the ignore patterns leave out what the host has at this path. */
  leavesOut(path: string): boolean;
}

interface Known extends Node {
  match: IgnoreMatch;
}

const maxLinks = 40;

export function openTree(root: string, patterns: readonly string[] = []): Tree {
  const ignore = patterns.length > 0 ? compileIgnore(patterns) : undefined;
  const prefix = root.endsWith('/') ? root : `${root}/`;
  const known = new Map<string, Known | undefined>();
  const folders = new Map<string, readonly Known[]>();

  const look = (path: string, folder: Known): Known | undefined => {
    if (known.has(path)) return known.get(path);
    const match = ignore ? ignore.match(path, folder.match) : notIgnored;
    const node = match.ignored && !ignore?.hasExceptions ? undefined : entry(path, match);
    known.set(path, node);
    return node;
  };
  const entry = (path: string, match: IgnoreMatch): Known | undefined => {
    const stats = lstatIfAny(path === '' ? root : prefix + path);
    if (stats === undefined) return undefined;
    const type = typeOf(stats);
    if (type === 'socket' || (match.ignored && type !== 'directory')) return undefined;
    return { path, stats, ignored: match.ignored, match };
  };
  const find = (path: string): Known | undefined => {
    if (path === '') {
      if (!known.has('')) known.set('', entry('', notIgnored));
      return known.get('');
    }
    const slash = path.lastIndexOf('/');
    const folder = find(slash === -1 ? '' : path.slice(0, slash));
    if (folder === undefined || typeOf(folder.stats) !== 'directory') return undefined;
    return look(path, folder);
  };
  return {
    root,
    find,
    children(folder) {
      const listed = folders.get(folder.path);
      if (listed !== undefined) return listed;
      const nodes = listFolder(join(root, folder.path)).flatMap(
        (name) => look(joinPath(folder.path, name), folder as Known) ?? [],
      );
      folders.set(folder.path, nodes);
      return nodes;
    },
    leavesOut: (path) => find(path) === undefined && lstatIfAny(join(root, path)) !== undefined,
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
    if (typeOf(node.stats) !== 'symlink') {
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
