/** In which paths two images differ, and how. */
import { sameBytes } from '../kit/same-bytes.ts';
import type { Entry } from '../kit/tree.ts';
import { type Found, walkTree } from '../kit/walk-tree.ts';
import type { SnapshotId } from '../plan/index.ts';
import type { ImageContext } from './context.ts';
import { imageRoot } from './image-root.ts';
import type { Image } from './records.ts';

export type AspectName =
  | 'type'
  | 'mode'
  | 'owner'
  | 'size'
  | 'content'
  | 'time'
  | 'link'
  | 'device'
  | 'xattrs';

export interface Difference {
  /** From the image's root, without `/` in front. */
  path: string;
  kind: 'added' | 'removed' | 'changed';
  /** For `changed`: what of it. */
  aspects: AspectName[];
}

/** All differences from `before` to `after`, in the order of a walk. Content is read only where it can differ. */
export function diffImages(context: ImageContext, before: Image, after: Image): Promise<Difference[]> {
  const { snapshots } = context;
  const mayDiffer = changedSince(context, before, after);
  return snapshots.view(before.snapshot, (viewBefore) =>
    snapshots.view(after.snapshot, async (viewAfter) => [
      ...compare(
        walkTree(imageRoot(viewBefore, before.root)),
        walkTree(imageRoot(viewAfter, after.root)),
        mayDiffer,
      ),
    ]),
  );
}

/** Whether a path's content may differ: it can't where no snapshot since the last common one brings it. */
function changedSince({ snapshots }: ImageContext, before: Image, after: Image): (path: string) => boolean {
  if (before.root !== after.root) return () => true;
  const [a, b] = [snapshots.lineage(before.snapshot), snapshots.lineage(after.snapshot)];
  let common = 0;
  while (common < a.length && a[common] === b[common]) common += 1;
  const prefix = before.root === '/' ? '' : `${before.root.replace(/^\/+|\/+$/g, '')}/`;
  const paths = new Set<string>();
  const add = (id: SnapshotId) => {
    for (const change of snapshots.changes(id)) {
      if (change.kind === 'present' && change.entry.path.startsWith(prefix))
        paths.add(change.entry.path.slice(prefix.length));
    }
  };
  for (const id of [...a.slice(common), ...b.slice(common)]) add(id);
  return (path) => paths.has(path);
}

function* compare(
  before: Iterable<Found>,
  after: Iterable<Found>,
  mayDiffer: (path: string) => boolean,
): Generator<Difference> {
  const [left, right] = [before[Symbol.iterator](), after[Symbol.iterator]()];
  let [a, b] = [left.next(), right.next()];
  while (!a.done || !b.done) {
    const order = a.done ? 1 : b.done ? -1 : walkOrder(a.value.entry.path, b.value.entry.path);
    if (order < 0 && !a.done) {
      yield { path: a.value.entry.path, kind: 'removed', aspects: [] };
      a = left.next();
    } else if (order > 0 && !b.done) {
      yield { path: b.value.entry.path, kind: 'added', aspects: [] };
      b = right.next();
    } else if (!a.done && !b.done) {
      const aspects = aspectsOf(a.value, b.value, mayDiffer);
      if (aspects.length > 0) yield { path: a.value.entry.path, kind: 'changed', aspects };
      [a, b] = [left.next(), right.next()];
    }
  }
}

/** Order in which walks come to two paths: by names, not by whole paths (`a/b` comes before `a-b`). */
function walkOrder(a: string, b: string): number {
  if (a === b) return 0;
  if (a === '' || b === '') return a === '' ? -1 : 1;
  const [left, right] = [a.split('/'), b.split('/')];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const [x, y] = [left[at] as string, right[at] as string];
    if (x !== y) return x < y ? -1 : 1;
  }
  return left.length - right.length;
}

function aspectsOf(a: Found, b: Found, mayDiffer: (path: string) => boolean): AspectName[] {
  if (a.entry.type !== b.entry.type) return ['type'];
  const aspects: AspectName[] = [];
  const note = (aspect: AspectName, differs: boolean) => differs && aspects.push(aspect);
  note('mode', a.entry.mode !== b.entry.mode);
  note('owner', a.entry.uid !== b.entry.uid || a.entry.gid !== b.entry.gid);
  note('size', a.entry.size !== b.entry.size);
  note('time', a.entry.mtimeNs !== b.entry.mtimeNs);
  note('link', a.entry.link !== b.entry.link);
  note(
    'device',
    a.entry.device?.major !== b.entry.device?.major || a.entry.device?.minor !== b.entry.device?.minor,
  );
  note('xattrs', xattrText(a.entry) !== xattrText(b.entry));
  if (a.entry.type === 'file' && a.entry.size === b.entry.size && mayDiffer(a.entry.path))
    note('content', !sameBytes(a.host, b.host));
  return aspects;
}

function xattrText({ xattrs }: Entry): string {
  return [...(xattrs ?? [])]
    .map(([name, value]) => `${name}=${value.toString('hex')}`)
    .sort()
    .join('\n');
}
