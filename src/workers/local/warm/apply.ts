/**
 * Puts the changes of a base into the last result of a step. A changed file gets a time that no tool can take for an old
 * one; what the step itself put in the way of a change is a conflict.
 */
import { chmodSync, lchownSync, linkSync, rmSync } from 'node:fs';
import { join, posix } from 'node:path';
import { makeEntry } from '../../../kit/copy-node.ts';
import { fsPath } from '../../../kit/names.ts';
import { removeXattr, setTimes, setXattr } from '../../../kit/system.ts';
import type { Entry } from '../../../kit/tree.ts';
import { lstatIfAny, treeXattrs, typeOf } from '../../../kit/walk.ts';
import type { TreeChange } from '../../warm.ts';
import { folderCheck } from './real-folders.ts';
import type { SeenFile } from './whole-seconds.ts';

const secondNs = 1_000_000_000n;

/** Its message is what a person is told. */
class Conflict extends Error {}

/** What was applied, with the time that each changed file got; or why that was not possible. */
export type Applied = { ok: true; times: ReadonlyMap<string, bigint> } | { ok: false; reason: string };

/**
 * Applies `changes` in their order. `source` is a folder that shows the changed base, `root` that of the workspace.
 * `seenNs`: no time in the workspace that a run set is later. `mayKnowSecond`: whether some tool may know a file by the whole
 * second of its time, and its length.
 */
export function applyChanges(
  root: string,
  source: string,
  changes: readonly TreeChange[],
  seenNs: bigint,
  mayKnowSecond: (file: SeenFile) => boolean = () => true,
): Applied {
  const times = new Map<string, bigint>();
  const timeOf = freshTimes(changes, seenNs, mayKnowSecond);
  const isFolder = folderCheck(root);
  const names = new Map<string, string>();
  const isWhole = linkCheck(changes);
  try {
    for (const change of changes) {
      const { path, after } = change;
      if (!isFolder(posix.dirname(path))) throw bothChanged(path);
      const at = join(root, path);
      const there = lstatIfAny(at);
      const thereType = there && typeOf(there);
      if (after?.type === thereType && (change.kind === 'metadata' || thereType === 'directory')) {
        setMetadata(at, after as Entry);
        if (thereType === 'directory') continue;
        // What copies the file with its mode goes by its time too.
        const time = timeOf(after as Entry, there);
        setTimes(at, time);
        times.set(path, time);
        continue;
      }
      clear(change, at, thereType);
      if (after === undefined) continue;
      const twin = after.inode === undefined ? undefined : names.get(after.inode);
      if (twin !== undefined) {
        linkSync(fsPath(join(root, twin)), fsPath(at));
        continue;
      }
      if (!isWhole(after, join(source, path)))
        throw new Conflict(`/${path} has another name that did not change`);
      makeEntry(after, join(source, path), at);
      if (after.type === 'directory') continue;
      if (after.inode !== undefined) names.set(after.inode, path);
      const time = timeOf(after, there);
      setTimes(at, time);
      times.set(path, time);
    }
  } catch (error) {
    if (error instanceof Conflict) return { ok: false, reason: error.message };
    throw error;
  }
  return { ok: true, times };
}

function bothChanged(path: string): Conflict {
  return new Conflict(`/${path} was changed by it and by its base`);
}

/** Whether all names of an entry's inode are among the changes: only then they become one file again. */
function linkCheck(changes: readonly TreeChange[]): (entry: Entry, host: string) => boolean {
  const counts = new Map<string, bigint>();
  for (const { after } of changes)
    if (after?.inode !== undefined) counts.set(after.inode, (counts.get(after.inode) ?? 0n) + 1n);
  return ({ inode }, host) => inode === undefined || lstatIfAny(host)?.nlink === counts.get(inode);
}

/** Takes away what is at a path. A folder goes only where the base has, or had, one: else the step made it. */
function clear({ path, before, after }: TreeChange, at: string, there: Entry['type'] | undefined): void {
  if (there === undefined) return;
  const isOfBase = before?.type === 'directory';
  if ((there === 'directory') !== isOfBase && (there === 'directory' || after?.type === 'directory'))
    throw bothChanged(path);
  rmSync(fsPath(at), { recursive: true, force: true });
}

/**
 * The time that a changed entry gets, given the one that is there: its own where that is newer than all that the step
 * has seen, else now. What was newer than another stays so.
 */
function freshTimes(
  changes: readonly TreeChange[],
  seenNs: bigint,
  mayKnowSecond: (file: SeenFile) => boolean,
): (entry: Entry, was: { mtimeNs: bigint; size: bigint } | undefined) => bigint {
  const nowNs = BigInt(Date.now()) * 1_000_000n;
  const earliest = nowNs > seenNs ? nowNs : seenNs + 1n;
  const own = [...new Set(changes.flatMap(({ after }) => (after ? [after.mtimeNs] : [])))];
  const ranks = new Map(own.sort((a, b) => (a < b ? -1 : 1)).map((time, rank) => [time, BigInt(rank)]));
  return ({ path, size, mtimeNs }, there) => {
    const was = there?.mtimeNs;
    const isNew = mtimeNs > seenNs && mtimeNs <= nowNs;
    const time = isNew ? mtimeNs : earliest + (ranks.get(mtimeNs) ?? 0n);
    // Some tools keep times in whole seconds: Python beside its compiled files, for one. None has kept one that came later.
    const isSeen = was !== undefined && was <= seenNs;
    if (!isSeen || time / secondNs > was / secondNs) return time;
    // To wait for the next second takes longer than most rebuilds do: only for whom it matters.
    if (BigInt(size) !== there?.size || !mayKnowSecond({ path, size, mtimeNs: was })) return time;
    return (was / secondNs + 1n) * secondNs;
  };
}

/** Mode, owner and attributes; the time stays. */
function setMetadata(at: string, entry: Entry): void {
  lchownSync(fsPath(at), entry.uid, entry.gid);
  if (entry.type !== 'symlink') chmodSync(fsPath(at), entry.mode);
  for (const name of treeXattrs(at)?.keys() ?? [])
    if (entry.xattrs?.has(name) !== true) removeXattr(at, name);
  for (const [name, value] of entry.xattrs ?? []) setXattr(at, name, value);
}
