/** How two snapshots differ, path by path, looking only where they may. Times alone are no difference. */
import { join } from 'node:path';
import { sameBytes } from '../../../kit/same-bytes.ts';
import type { Entry } from '../../../kit/tree.ts';
import { joinPath, listFolder, lstatIfAny, readEntry, sameMetadata, typeOf } from '../../../kit/walk.ts';
import type { SnapshotId } from '../../../plan/index.ts';
import type { TreeChange } from '../../warm.ts';
import type { Snapshots } from '../snapshots/registry.ts';

/** The differences from `before` to `after`, each folder right before its content. */
export function compareSnapshots(
  snapshots: Snapshots,
  before: SnapshotId | undefined,
  after: SnapshotId | undefined,
): TreeChange[] {
  if (before === after) return [];
  return snapshots.between(before, after, ({ views, suspects }) => {
    const { before: left, after: right } = views;
    const changes: TreeChange[] = [];
    /** Folder whose content has been told already. */
    let told: string | undefined;
    for (const { path, whole } of suspects) {
      if (told !== undefined && isBelow(path, told)) continue;
      const isAllTold = compareAt(left, right, path, whole, changes);
      if (isAllTold || whole) told = path;
    }
    return changes;
  });
}

function isBelow(path: string, folder: string): boolean {
  return folder === '' || path.startsWith(`${folder}/`);
}

/** Compares what two trees have at a path; true where all below it is told with it. */
function compareAt(
  left: string,
  right: string,
  path: string,
  whole: boolean,
  changes: TreeChange[],
): boolean {
  const [before, after] = [entryAt(left, path), entryAt(right, path)];
  if (before === undefined || after === undefined || before.type !== after.type) {
    if (before === undefined && after === undefined) return true;
    const kind = before === undefined ? 'added' : after === undefined ? 'removed' : 'replaced';
    changes.push({ path, kind, ...(before && { before }), ...(after && { after }) });
    if (after?.type === 'directory') addAll(right, path, changes);
    return true;
  }
  if (before.type !== 'directory') {
    if (!sameContent(left, right, path, before, after))
      changes.push({ path, kind: 'content', before, after });
    else if (!isAlike(before, after)) changes.push({ path, kind: 'metadata', before, after });
    return true;
  }
  if (!isAlike(before, after)) changes.push({ path, kind: 'metadata', before, after });
  if (!whole) return false;
  const names = new Set([...listFolder(join(left, path)), ...listFolder(join(right, path))]);
  for (const name of [...names].sort()) compareAt(left, right, joinPath(path, name), true, changes);
  return true;
}

function addAll(root: string, folder: string, changes: TreeChange[]): void {
  for (const name of listFolder(join(root, folder))) {
    const path = joinPath(folder, name);
    const after = readEntry(join(root, path), path);
    changes.push({ path, kind: 'added', after });
    if (after.type === 'directory') addAll(root, path, changes);
  }
}

/** The entry at a path; folders on the way that are links there end the way: a host's path must not be followed. */
function entryAt(root: string, path: string): Entry | undefined {
  const names = path.split('/');
  for (let depth = 1; depth < names.length; depth++) {
    const stats = lstatIfAny(join(root, ...names.slice(0, depth)));
    if (stats === undefined || typeOf(stats) !== 'directory') return undefined;
  }
  const host = join(root, path);
  const stats = lstatIfAny(host);
  // Sockets are in no image.
  return stats === undefined || typeOf(stats) === 'socket' ? undefined : readEntry(host, path, stats);
}

/** Alike but for content and times. */
function isAlike(before: Entry, after: Entry): boolean {
  return sameMetadata(before, { ...after, mtimeNs: before.mtimeNs, size: before.size });
}

function sameContent(left: string, right: string, path: string, before: Entry, after: Entry): boolean {
  if (before.type !== 'file') {
    const { device: a } = before;
    const { device: b } = after;
    return before.link === after.link && a?.major === b?.major && a?.minor === b?.minor;
  }
  if (before.size !== after.size) return false;
  const [a, b] = [join(left, path), join(right, path)];
  const [one, other] = [lstatIfAny(a), lstatIfAny(b)];
  // Both views show the same inode of one file system, written once.
  const isOne = one?.ino === other?.ino && one?.birthtimeNs === other?.birthtimeNs;
  if (isOne && one?.ctimeNs === other?.ctimeNs && one?.mtimeNs === other?.mtimeNs) return true;
  return sameBytes(a, b);
}
