/**
 * What the paths of a copy take from a tree. Without a selection a path is taken as it stands; with one it is a pattern
 * as COPY has it: each name may hold `*`, `?` and `[…]`, links on the way are followed, and `--parents` and `--exclude`
 * take patterns in the syntax of ignore files.
 */
import { posix } from 'node:path';
import { type FileRows, rowAt, typeOfRow } from '../../../kit/file-rows.ts';
import { compileIgnore, type IgnoreMatch, type IgnoreMatcher, notIgnored } from '../../../kit/ignore.ts';
import { joinPath } from '../../../kit/walk.ts';
import type { Selection } from '../../../plan/index.ts';
import { type FolderContent, folderContent, keepEntries } from './folder-content.ts';
import { hasWildcard, matchName } from './match-name.ts';
import { type Node, resolveIn, type Tree } from './tree.ts';

/** One file or folder that a copy takes. */
export interface Pick {
  /** Its name in a folder that it is copied into. */
  name: string;
  /** Where it is, relative to the tree's root. */
  top: string;
  /** It alone, without a name. */
  taken: TakenFolder;
}

/** What is taken of a folder. */
export interface TakenFolder extends FolderContent {
  /** By name, for each entry that is a folder. */
  folders: ReadonlyMap<string, TakenFolder>;
}

/**
 * Finds the metadata of entries that are taken, by their paths below the one without a name: quickly for those of one folder
 * after the other.
 */
export function rowFinder(top: TakenFolder): (path: string) => FileRows {
  let last: { path: string; folder: TakenFolder | undefined } = { path: '', folder: top.folders.get('') };
  const folderAt = (path: string): TakenFolder | undefined => {
    if (path !== last.path) {
      let folder = top.folders.get('');
      for (const name of path === '' ? [] : path.split('/')) folder = folder?.folders.get(name);
      last = { path, folder };
    }
    return last.folder;
  };
  return (path) => {
    const folder = path === '' ? top : folderAt(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
    const sorted = folder?.sorted();
    const index = sorted && placeOf(sorted.names, path.slice(path.lastIndexOf('/') + 1));
    if (sorted === undefined || index === undefined) throw new Error(`${path} is not part of the copy`);
    return rowAt(sorted.rows, index);
  };
}

function placeOf(sorted: readonly string[], name: string): number | undefined {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as string) < name) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === name ? low : undefined;
}

/** All that `path` takes; undefined where it names something that isn't there. */
export function selectPath(tree: Tree, path: string, selection: Selection | undefined): Pick[] | undefined {
  if (selection === undefined) {
    const node = tree.find(path);
    return node && [pickAll(tree, node, posix.basename(path))];
  }
  if (selection.parents) return selectParents(tree, path, selection);
  const exclude = compiled(selection.exclude);
  const found = matches(tree, path);
  if (found === undefined) return undefined;
  const isPattern = hasWildcard(path);
  return found
    .filter(({ name, node }) => !isPattern || !isFile(node) || !exclude?.match(name, notIgnored).ignored)
    .map(({ name, node }) => pickAll(tree, node, name, exclude));
}

function isFile(node: Node): boolean {
  return typeOfRow(node.row) !== 'directory';
}

function compiled(patterns: readonly string[] | undefined): IgnoreMatcher | undefined {
  return patterns?.length ? compileIgnore(patterns) : undefined;
}

interface Match {
  name: string;
  node: Node;
}

/** Entries that a pattern names: none is fine where it has a wildcard, else undefined. */
function matches(tree: Tree, pattern: string): Match[] | undefined {
  const names = pattern.split('/').filter((name) => name !== '' && name !== '.');
  const first = names.findIndex(hasWildcard);
  const fixed = first === -1 ? names : names.slice(0, first);
  const start = resolveIn(tree, fixed.join('/'));
  if (first === -1) return start && [{ name: posix.basename(`/${fixed.join('/')}`), node: start }];
  let level: Match[] = start ? [{ name: '', node: start }] : [];
  for (const name of names.slice(first)) {
    level = level.flatMap(({ node }) => (isFile(node) ? [] : matchesIn(tree, node, name)));
  }
  // Only what was found itself is followed, not links among the folders that a pattern passes.
  return level.flatMap(({ name, node }) => {
    const real = resolveIn(tree, node.path);
    return real ? [{ name, node: real }] : [];
  });
}

function matchesIn(tree: Tree, folder: Node, pattern: string): Match[] {
  const found = tree
    .content(folder)
    .names()
    .flatMap((name, index) => (matchName(pattern, name) ? [{ name, node: tree.entry(folder, index) }] : []));
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Decides over what is below a picked folder. Undefined: left out, with all below it. */
type Judge = (path: string, isFolder: boolean, above: Matches) => Verdict | undefined;

interface Verdict {
  /** False for a folder that stays only for what is taken below it. */
  isTaken: boolean;
  matches: Matches;
}

/** What holds for a folder, and so for what is in it. */
interface Matches {
  excluded: IgnoreMatch;
  included: IgnoreMatch;
}

const noMatches: Matches = { excluded: notIgnored, included: notIgnored };
const all: Verdict = { isTaken: true, matches: noMatches };

/** Undefined: all is taken. */
function judgeOf(exclude?: IgnoreMatcher, include?: IgnoreMatcher): Judge | undefined {
  if (exclude === undefined && include === undefined) return undefined;
  return (path, isFolder, above) => {
    const excluded = exclude?.match(path, above.excluded) ?? notIgnored;
    const included = include?.match(path, above.included) ?? notIgnored;
    const isTaken = !excluded.ignored && (include === undefined || included.ignored);
    if (excluded.ignored && !(isFolder && exclude?.hasExceptions)) return undefined;
    return isTaken || isFolder ? { isTaken, matches: { excluded, included } } : undefined;
  };
}

function pickAll(
  tree: Tree,
  node: Node,
  name: string,
  exclude?: IgnoreMatcher,
  include?: IgnoreMatcher,
): Pick {
  const folders = new Map<string, TakenFolder>();
  if (!isFile(node))
    folders.set('', take(tree, node, noMatches, { top: node.path, judge: judgeOf(exclude, include) }));
  const alone = folderContent({ nameBytes: Uint8Array.of(0), rows: node.row });
  return { name, top: node.path, taken: { ...alone, folders } };
}

function take(
  tree: Tree,
  folder: Node,
  above: Matches,
  by: { top: string; judge: Judge | undefined },
): TakenFolder {
  const content = tree.content(folder);
  const folders = new Map<string, TakenFolder>();
  const below = folder.path.slice(by.top === '' ? 0 : by.top.length + 1);
  const kept = keepEntries(content, (index) => {
    const isFolder = typeOfRow(content.rows, index) === 'directory';
    if (by.judge === undefined && !isFolder) return true;
    const name = content.names()[index] as string;
    const verdict = by.judge ? by.judge(joinPath(below, name), isFolder, above) : all;
    if (verdict === undefined || !isFolder) return verdict !== undefined;
    const child = tree.entry(folder, index);
    const inner = take(tree, child, verdict.matches, by);
    if ((child.match.ignored || !verdict.isTaken) && inner.rows.length === 0) return false;
    folders.set(name, inner);
    return true;
  });
  return { ...kept, folders };
}

/** `--parents`: what the pattern after `/./` (or all of it) takes, with the folders on the way. */
function selectParents(tree: Tree, path: string, selection: Selection): Pick[] | undefined {
  const pivot = path.indexOf('/./');
  const start = pivot === -1 ? '' : path.slice(0, pivot);
  const pattern = posix.resolve('/', pivot === -1 ? path : path.slice(pivot + 3)).slice(1);
  const tops = matches(tree, start) ?? [];
  const exclude = compiled(selection.exclude);
  // All of it: there is no pattern for that.
  if (pattern === '') return tops.map(({ node }) => pickAll(tree, node, '', exclude));
  const include = compileIgnore([pattern]);
  const picks = tops
    .filter(({ node }) => !isFile(node))
    .map(({ node }) => pickAll(tree, node, '', exclude, include))
    .filter(({ taken }) => taken.folders.get('')?.rows.length !== 0);
  return picks.length === 0 && !hasWildcard(path) ? undefined : picks;
}
