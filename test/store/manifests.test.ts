/** Manifests are filed and found again, and two trees are compared as their whole lists would be. */
import { afterAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import {
  decodeLine,
  diffTrees,
  encodeLine,
  type Listed,
  type NamedEntry,
  readTree,
  type Summary,
  summarise,
  writeManifests,
} from '../../src/store/manifests.ts';
import { scratch } from '../support/scratch.ts';

const here = scratch();
const db = openDatabase(here.path('cambium.db'));
afterAll(() => {
  db.close();
  here[Symbol.dispose]();
});

interface Tree {
  [name: string]: Tree | { data: string; mtime: number };
}

function isFile(node: Tree[string]): node is { data: string; mtime: number } {
  return typeof node['data'] === 'string';
}

function file(tree: Tree): Summary {
  const inners: Summary[] = [];
  const lines = Object.keys(tree)
    .sort()
    .map((name) => {
      const node = tree[name] as Tree[string];
      const common = { name, uid: 0, gid: 0 };
      if (isFile(node))
        return encodeLine({
          ...common,
          type: 'file',
          mode: 0o644,
          mtime: String(node.mtime),
          digest: node.data,
        });
      const inner = file(node);
      inners.push(inner);
      return encodeLine({ ...common, type: 'directory', mode: 0o755, mtime: '5', inner });
    });
  const { summary, text } = summarise(lines, inners, false);
  writeManifests(db, new Map([[summary.manifest, text]]));
  return summary;
}

/** With a seed, so that a failure can be run again. */
let state = 5;
function random(below: number): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  return (state >>> 8) % below;
}

function randomTree(depth: number): Tree {
  const tree: Tree = {};
  for (let count = random(8); count > 0; count--) {
    tree[`n${random(12)}`] =
      depth > 0 && random(2) ? randomTree(depth - 1) : { data: `d${random(3)}`, mtime: random(3) };
  }
  return tree;
}

function edited(tree: Tree): Tree {
  const copy: Tree = structuredClone(tree);
  for (const name of Object.keys(copy)) {
    const node = copy[name] as Tree[string];
    const choice = random(8);
    if (choice === 0) delete copy[name];
    else if (choice === 1) copy[name] = randomTree(1);
    else if (choice === 2) copy[name] = { data: `d${random(3)}`, mtime: random(3) };
    else if (!isFile(node)) copy[name] = edited(node);
  }
  return copy;
}

const textOf = (entry: Listed | undefined, withTime: boolean) =>
  entry && JSON.stringify(withTime ? entry : { ...entry, mtime: '' });

describe('trees of manifests', () => {
  test.each(['all', 'content'] as const)('are compared by %s as their lists are', (by) => {
    for (let round = 0; round < 200; round++) {
      const first = randomTree(3);
      const [before, after] = [first, edited(first)].map(file) as [Summary, Summary];
      const [old, now] = [before, after].map(
        ({ manifest }) => new Map([...readTree(db, manifest)].map((entry) => [entry.path, entry])),
      ) as [Map<string, Listed>, Map<string, Listed>];
      const expected = [...new Set([...old.keys(), ...now.keys()])].filter(
        (path) => textOf(old.get(path), by === 'all') !== textOf(now.get(path), by === 'all'),
      );
      const found = [...diffTrees(db, before.manifest, after.manifest, by)];
      expect(found.map(({ path }) => path).sort()).toEqual(expected.sort());
      for (const difference of found) {
        expect(difference.before).toEqual(old.get(difference.path));
        expect(difference.after).toEqual(now.get(difference.path));
      }
      expect(after.count).toBe(now.size);
      if (by === 'content') expect(before.content === after.content).toBe(found.length === 0);
    }
  });

  test('lines say all of an entry', () => {
    const inner: Summary = { manifest: 'a'.repeat(64), content: 'b'.repeat(64), count: 3, hasLinks: true };
    const common = { mode: 0o4755, uid: 7, gid: 4_294_967_294, mtime: '-1500000000' };
    const entries: NamedEntry[] = [
      { ...common, name: 'tab\tand\nline', type: 'file', digest: 'c'.repeat(64), sameAs: 'a/b c' },
      { ...common, name: 'no \udcff UTF-8', type: 'symlink', link: '../\udcfe x' },
      { ...common, name: '', type: 'directory', inner, xattrs: { 'user.a': 'AAE=' } },
      { ...common, name: 'device', type: 'char', device: { major: 10, minor: 229 } },
      { ...common, name: 'pipe', type: 'fifo' },
    ];
    for (const entry of entries) expect(decodeLine(encodeLine(entry))).toEqual(entry);
  });
});
