/**
 * Stacks of one store's snapshots: what a mount of one takes. What this run has read of a stack is remembered for what comes on top of
 * it, so that a step of a long chain reads no more rows than one of a short chain.
 */
import { join } from 'node:path';
import type { SnapshotId } from '../../../plan/index.ts';
import { addFold, type StackRow, stackRows } from '../../../store/folds.ts';
import { newId, type RunHandle } from '../../../store/runs.ts';
import { findSnapshot } from '../../../store/snapshots.ts';
import type { Store } from '../../../store/store.ts';
import type { SnapshotDriver, Stack } from './driver.ts';
import { rangeToFold } from './fold-stack.ts';
import { stackFolders } from './overlay.ts';

/** Stages that are built at a time have a stack each. */
const mostKnown = 16;

export interface Stacks {
  stackOf(id: SnapshotId | undefined): Stack;
  /** A snapshot was made on the stack of `parent`. */
  madeOn(id: SnapshotId, parent: SnapshotId | undefined): void;
}

export function openStacks({ db }: Pick<Store, 'db'>, run: RunHandle, driver: SnapshotDriver): Stacks {
  const { fold } = driver;
  const known = new Map<SnapshotId, readonly StackRow[]>();
  const know = (id: SnapshotId, stack: readonly StackRow[]) => {
    known.delete(id);
    known.set(id, stack);
    const [oldest] = known.keys();
    if (known.size > mostKnown && oldest !== undefined) known.delete(oldest);
    return stack;
  };

  const short = (id: SnapshotId, stack: readonly StackRow[]): readonly StackRow[] => {
    const range = fold && rangeToFold(stack);
    if (!fold || range === undefined) return know(id, stack);
    const { rows, below, level } = range;
    const folder = newId();
    driver.commit(fold(stackFolders(rows), below, join(run.dir, folder)), folder);
    const [first, last] = [rows[0] as StackRow, rows.at(-1) as StackRow];
    if (!addFold(db, { snapshot: first.id, base: last.next, level, folder })) driver.remove(folder);
    return short(id, stackRows(db, id));
  };

  return {
    stackOf(id) {
      if (id === undefined) return [];
      return short(id, known.get(id) ?? stackRows(db, id, fold ? -1 : 2));
    },
    madeOn(id, parent) {
      const below = parent === undefined ? [] : known.get(parent);
      const row = findSnapshot(db, id);
      if (row === undefined || below === undefined) return;
      const place: StackRow = { id, folders: row.folders, folded: null, level: 0, next: parent ?? null };
      know(id, [place, ...(fold ? below : below.slice(0, 1))]);
    },
  };
}
