/** Moves the last result of a copy onto another base, of the warm lane: what changed in the base is put into it. */
import type { CopyOp, SnapshotId } from '../../../plan/index.ts';
import type { TreeChange } from '../../warm.ts';
import type { Workspace } from '../snapshots/driver.ts';
import type { Snapshots } from '../snapshots/registry.ts';
import { applyChanges } from '../warm/apply.ts';
import { compareSnapshots } from '../warm/compare.ts';
import type { Image } from './image.ts';
import { imagePath } from './targets.ts';

export interface Rebase {
  /** Where the base changed. */
  paths: readonly string[];
  /** Puts the changes into a fork of the last result; false where that can't take them: then it is of no use. */
  apply(workspace: Workspace): boolean;
}

/** Undefined where a copy onto the new base could give something else than the changes in the old result. */
export function rebaseOf(
  snapshots: Snapshots,
  op: CopyOp,
  last: { result: SnapshotId; base: SnapshotId | undefined },
  base: SnapshotId | undefined,
  image: Image,
): Rebase | undefined {
  if (last.base === base) return { paths: [], apply: () => true };
  if (last.base === undefined || base === undefined) return undefined;
  // Where the way leads over a link, files lie at other paths than the copy's own.
  if (op.copies.some(({ dest }) => image.resolve(imagePath(dest)) !== imagePath(dest))) return undefined;
  const changes = compareSnapshots(snapshots, last.base, base);
  if (changes.some((change) => decidesPlaces(op, change))) return undefined;
  return {
    paths: changes.map(({ path }) => path),
    apply: ({ root }) => applyChanges(root, snapshots.mountView(base), changes, 0n).ok,
  };
}

/** Links and folders on the way to a destination, and the users of `--chown`, decide where and how files are copied. */
function decidesPlaces({ copies }: CopyOp, { path, before, after }: TreeChange): boolean {
  if (before?.type === 'symlink' || after?.type === 'symlink') return true;
  return copies.some(({ dest, owner }) => {
    if (`${imagePath(dest)}/`.startsWith(`${path}/`)) return true;
    return owner !== undefined && 'name' in owner && (path === 'etc/passwd' || path === 'etc/group');
  });
}
