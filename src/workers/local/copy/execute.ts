/**
 * Runs a copy step. It starts from a whole earlier result of the same copy on the same parent, where there is one, and
 * applies the difference of the two lists; what comes out is bit for bit what a fresh copy gives. In the warm lane it starts
 * from the last result, whatever parent that had, and is a difference to it.
 */
import { canonicalJson, sha256 } from '../../../kit/digest.ts';
import { inTurns } from '../../../kit/in-turns.ts';
import { lstat, typeOf } from '../../../kit/walk.ts';
import type { CopyOp, SnapshotId } from '../../../plan/index.ts';
import { readTree } from '../../../store/manifests.ts';
import type { Store } from '../../../store/store.ts';
import type { StepTask } from '../../worker.ts';
import { lookUpOwner } from '../runtimes/users.ts';
import type { Workspace } from '../snapshots/driver.ts';
import type { Snapshots } from '../snapshots/registry.ts';
import { applyAll, applyDifference } from './apply.ts';
import { unpackArchives } from './archives.ts';
import type { Contents } from './content.ts';
import { type Image, lookInto } from './image.ts';
import { isWorthRemembering, type LastResult, lastResult, rememberResult, totalOf } from './last-result.ts';
import { type Rebase, rebaseOf } from './rebase.ts';
import { type CopyInput, type ListingOf, listTargets } from './targets.ts';

/** From so many entries on it matters where on the disk they are made. */
const many = 500;

/** `scratch`: a host folder for archives that are unpacked first; the caller removes it. */
export async function executeCopy(
  store: Store,
  snapshots: Snapshots,
  contents: Contents,
  op: CopyOp,
  task: StepTask,
  scratch: string,
): Promise<SnapshotId> {
  const startedMs = performance.now();
  const parent = snapshots.stackOf(task.base);
  const locate = remembered((path) => (path === '' ? undefined : snapshots.driver.locate(parent, path)));
  const image = lookInto(locate);
  const { signal } = task;
  const scanned: CopyInput[] = [];
  for (const copy of op.copies)
    scanned.push(withOwner(await inTurns(contents.input(copy, task.snapshotOf), signal), image));
  const inputs = await unpackArchives(store.db, scanned, scratch, signal);
  const targetsOf = (of: readonly CopyInput[], listingOf: ListingOf) => {
    const list = listTargets(of, image, listingOf);
    // The earliest time that every archive format knows.
    if (op.times === 'fixed') for (const target of list.targets) target.mtime = '315532800000000000';
    return list;
  };
  const slot = slotOf(op, task);
  const rebase = task.last && rebaseOf(snapshots, op, task.last, task.base, image);
  const isWarm = task.isUnfiled === true;
  const found =
    isWarm && rebase === undefined
      ? undefined
      : lastResult({
          ...{ db: store.db, slot, inputs, targetsOf },
          isInParent: (path) => locate(path) !== undefined || passesLink(path, locate),
        });
  const started = found && (await startOnLast(snapshots, found, rebase));
  const last = started && found;
  const workspace = started ?? snapshots.fork(task.base, { getsMany: totalOf(inputs) >= many });
  const snapshot = await finish(snapshots, workspace, async () => {
    if (last) {
      const isInParent = (path: string) => path === '' || locate(path) !== undefined;
      await inTurns(applyDifference(workspace.root, last.list, last.difference, isInParent), signal);
    } else {
      const list = targetsOf(inputs, ({ scan }) => readTree(store.db, scan.summary.manifest));
      await inTurns(applyAll(workspace.root, list), signal);
    }
    return snapshots.commit(workspace, {
      key: task.isUnfiled ? undefined : task.key,
      alias: task.isUnfiled ? undefined : task.alias,
      ...(isWarm && last
        ? { parent: last.snapshot, isDelta: true }
        : { parent: task.base, onResult: last?.snapshot }),
      stage: task.step.stage,
      title: task.step.title,
      durationMs: performance.now() - startedMs,
    });
  });
  if (isWarm) rememberResult(store.db, warmSlot(op, snapshot), snapshot, inputs);
  else if (!last && isWorthRemembering(inputs)) rememberResult(store.db, slot, snapshot, inputs);
  return snapshot;
}

/** Undefined where the last result can't be moved onto the new base. */
async function startOnLast(
  snapshots: Snapshots,
  last: LastResult,
  rebase: Rebase | undefined,
): Promise<Workspace | undefined> {
  if (rebase !== undefined && rebase.paths.length > 0) {
    // Where the copy put something, what the base has there now must not come in its place.
    const places = last.places();
    if (rebase.paths.some((path) => places.has(path))) return undefined;
  }
  const workspace = snapshots.forkResult(last.snapshot);
  return finish(snapshots, workspace, async () => {
    if (rebase === undefined || rebase.apply(workspace)) return workspace;
    snapshots.discard(workspace);
    return undefined;
  });
}

/** Host path of what the parent has at a path of the image; no links followed. */
type Locate = (path: string) => string | undefined;

/** Looks at each place once: the parent never changes, and all folders of its stack are asked. */
function remembered(locate: Locate): Locate {
  const known = new Map<string, string | undefined>();
  return (path) => {
    if (!known.has(path)) known.set(path, locate(path));
    return known.get(path);
  };
}

/** Discards the workspace when `body` throws. */
async function finish<T>(snapshots: Snapshots, workspace: Workspace, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    snapshots.discard(workspace);
    throw error;
  }
}

/** Names of users and groups are those of the image. */
function withOwner(input: CopyInput, image: Image): CopyInput {
  const { owner } = input.copy;
  if (owner === undefined) return input;
  return { ...input, owner: 'name' in owner ? lookUpOwner(image.readFile, owner.name) : owner };
}

/** All that decides the result but the content, wherever that is: on the same parent, the same copies. */
function slotOf(op: CopyOp, { base, last }: StepTask): string {
  return last ? warmSlot(op, last.result) : sha256(canonicalJson([base ?? null, ...definitionOf(op)]));
}

/** Finds what one result of the warm lane took. */
function warmSlot(op: CopyOp, result: SnapshotId): string {
  return sha256(canonicalJson(['warm', result, ...definitionOf(op)]));
}

function definitionOf({ copies, times }: CopyOp): unknown[] {
  return [copies.map(({ from, ...rest }) => ({ ...rest, from: from.type })), times ?? null];
}

/** Whether the way to a path leads over a symlink of the parent, so that the path itself says nothing. */
function passesLink(path: string, locate: Locate): boolean {
  const names = path.split('/').slice(0, -1);
  return names.some((_, index) => {
    const host = locate(names.slice(0, index + 1).join('/'));
    return host !== undefined && typeOf(lstat(host)) === 'symlink';
  });
}
