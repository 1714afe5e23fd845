/**
 * What the paths of a copy take from a tree. Without a selection a path is taken as it stands; with one it is a pattern
 * as COPY has it: each name may hold `*`, `?` and `[…]`, links on the way are followed, and `--parents` and `--exclude`
 * take patterns in the syntax of ignore files.
 */
import { posix } from 'node:path';
import { compileIgnore, type IgnoreMatch, type IgnoreMatcher, notIgnored } from '../../../kit/ignore.ts';
import { typeOf } from '../../../kit/walk.ts';
import type { Selection } from '../../../plan/index.ts';
import { hasWildcard, matchName } from './match-name.ts';
import type { Seen } from './scan.ts';
import { type Node, resolveIn, type Tree } from './tree.ts';

/** One file or folder that a copy takes. */
export interface Pick {
  /** Its name in a folder that it is copied into. */
  name: string;
  /** Where it is, relative to the tree's root. */
  top: string;
  /** It and all below it, each folder right before its content; paths are relative to `top`. */
  entries: Seen[];
}

/** All that `path` takes; undefined where it names something that isn't there. */
export function selectPath(tree: Tree, path: string, selection: Selection | undefined): Pick[] | undefined {
  if (selection === undefined) {
    const node = tree.find(path);
    return node && [pickAll(tree, node, posix.basename(path), undefined)];
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
  return typeOf(node.stats) !== 'directory';
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
    level = level.flatMap(({ node }) =>
      isFile(node)
        ? []
        : tree.children(node).flatMap((child) => {
            const own = posix.basename(child.path);
            return matchName(name, own) ? [{ name: own, node: child }] : [];
          }),
    );
  }
  // Only what was found itself is followed, not links among the folders that a pattern passes.
  return level.flatMap(({ name, node }) => {
    const real = resolveIn(tree, node.path);
    return real ? [{ name, node: real }] : [];
  });
}

function pickAll(tree: Tree, node: Node, name: string, exclude: IgnoreMatcher | undefined): Pick {
  const pick: Pick = { name, top: node.path, entries: [{ path: '', stats: node.stats }] };
  if (!isFile(node)) walk(tree, node, { top: node.path, exclude, excluded: notIgnored }, pick.entries);
  return pick;
}

interface Walk {
  top: string;
  exclude: IgnoreMatcher | undefined;
  /** What holds for the folder. */
  excluded: IgnoreMatch;
}

function walk(tree: Tree, folder: Node, { top, exclude, excluded }: Walk, into: Seen[]): void {
  for (const child of tree.children(folder)) {
    const path = top === '' ? child.path : child.path.slice(top.length + 1);
    const match = exclude ? exclude.match(path, excluded) : notIgnored;
    const isFolder = !isFile(child);
    if (match.ignored && !(isFolder && exclude?.hasExceptions)) continue;
    const before = into.length;
    into.push({ path, stats: child.stats });
    if (isFolder) walk(tree, child, { top, exclude, excluded: match }, into);
    // A folder that is left out stays only for what was taken back below it.
    if ((child.ignored || match.ignored) && into.length === before + 1) into.pop();
  }
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
    .map(({ node }) => {
      const pick: Pick = { name: '', top: node.path, entries: [{ path: '', stats: node.stats }] };
      walkIncluded(
        tree,
        node,
        { top: node.path, exclude, excluded: notIgnored, include, included: notIgnored },
        pick,
      );
      return pick;
    })
    .filter(({ entries }) => entries.length > 1);
  return picks.length === 0 && !hasWildcard(path) ? undefined : picks;
}

interface IncludingWalk extends Walk {
  include: IgnoreMatcher;
  included: IgnoreMatch;
}

function walkIncluded(tree: Tree, folder: Node, at: IncludingWalk, pick: Pick): void {
  for (const child of tree.children(folder)) {
    const path = at.top === '' ? child.path : child.path.slice(at.top.length + 1);
    const included = at.include.match(path, at.included);
    const excluded = at.exclude ? at.exclude.match(path, at.excluded) : notIgnored;
    const isFolder = !isFile(child);
    const taken = included.ignored && !excluded.ignored;
    if (excluded.ignored && !(isFolder && at.exclude?.hasExceptions)) continue;
    if (!taken && !isFolder) continue;
    const before = pick.entries.length;
    pick.entries.push({ path, stats: child.stats });
    if (isFolder) walkIncluded(tree, child, { ...at, included, excluded }, pick);
    if ((!taken || child.ignored) && pick.entries.length === before + 1) pick.entries.pop();
  }
}
