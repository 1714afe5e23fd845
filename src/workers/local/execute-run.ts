/** Runs a command step: a fork of its base, the mounts it declares, a container, and a commit when it exits with 0. */
import { mkdirSync, readdirSync, renameSync, rm, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isSubvolume, removeSubvolume, untilRoom } from '../../kit/btrfs.ts';
import { isFull } from '../../kit/disk-space.ts';
import { bindMount, unmountBelow } from '../../kit/system.ts';
import type { RunOp, SnapshotId, StepId } from '../../plan/index.ts';
import { newId } from '../../store/runs.ts';
import type { StepOutcome, StepTask } from '../worker.ts';
import { mountHostBuilder } from './builder-root.ts';
import { type OpenCaches, openCaches } from './caches.ts';
import { describeFailure } from './describe-failure.ts';
import { prepareEmulation } from './emulation.ts';
import { inTree } from './in-tree.ts';
import { putMountHelpers } from './mount-helpers.ts';
import { type RunFolders, withMounts } from './run-mounts.ts';
import { memoryFolder, type RunPlace, usualMountpoints } from './run-place.ts';
import type { RunMount, RunRequest, RunResult } from './runtimes/index.ts';
import { prepareRun, runContainer } from './runtimes/index.ts';
import { prepareMountpoints } from './runtimes/mountpoints.ts';
import type { Workspace } from './snapshots/driver.ts';
import { startTrace } from './warm/trace.ts';

export async function executeRun(place: RunPlace, op: RunOp, task: StepTask): Promise<StepOutcome> {
  const { snapshots } = place;
  const startedMs = performance.now();
  // It is up by the time that all is there which the command needs.
  if (place.starters) await prepareRun(place.starters);
  // Elsewhere the workspace isn't what the mounts are made in.
  const isRoot = op.root.type === 'snapshot' && op.root.path === '/';
  const workspace = snapshots.fork(task.base, isRoot ? { below: usualMountpoints(place) } : {});
  let isDone = false;
  try {
    using caches = await openCaches(place, op.mounts, task).catch((error) => {
      // Stopped while it waited for one.
      if (!task.signal.aborted) throw error;
      return undefined;
    });
    if (!caches) return { outcome: 'cancelled' };
    const { base } = task;
    const trace = task.isTraced
      ? startTrace({
          ...{ snapshots, root: workspace.root, op, start: base, base, made: new Map(), asksForOwn: false },
        })
      : undefined;
    const result = await runIn(place, op, workspace, { ...task, caches: caches.hosts }).finally(() =>
      trace?.stop(),
    );
    const { refusedPids: _, ...usage } = result.usage;
    if (result.outcome === 'exit' && result.exitCode === 0) {
      const durationMs = performance.now() - startedMs;
      const { stage, title } = task.step;
      const snapshot = snapshots.commit(workspace, {
        key: task.key,
        alias: task.alias,
        parent: task.base,
        stage,
        title,
        durationMs,
        usage,
      });
      isDone = true;
      await caches.keep();
      return { outcome: 'done', snapshot, durationMs, usage, reads: trace?.uses(snapshot)?.reads };
    }
    if (result.outcome === 'cancelled') return { outcome: 'cancelled' };
    isDone = true;
    const kept = await keepFailed(place, workspace, task.base, resolveSteps(op, task.snapshotOf));
    return {
      outcome: 'failed',
      failure: describeFailure(result, op.argv, task.step.compute),
      workspace: kept,
      usage,
    };
  } finally {
    if (!isDone) snapshots.discard(workspace);
  }
}

/** What a run has beyond its operation, when it is no step of a build. */
export interface RunExtras
  extends Partial<
    Pick<
      RunRequest,
      'stdio' | 'onLaunch' | 'readonlyRoot' | 'init' | 'ports' | 'capabilities' | 'groups' | 'dns'
    >
  > {
  /** Beside those of the operation. */
  mounts?: readonly RunMount[];
}

/** Mounts all that the command sees around `workspace`, runs it, and takes the mounts away. */
export async function runIn(
  place: RunPlace,
  op: RunOp,
  workspace: Workspace,
  task: Pick<StepTask, 'snapshotOf' | 'limits' | 'timeoutMs' | 'signal' | 'onOutput' | 'isFollowed'> & {
    caches: OpenCaches['hosts'];
  },
  extras: RunExtras = {},
): Promise<RunResult> {
  const id = `${place.runId}-${newId()}`;
  const bundle = join(memoryFolder(place.runDir), newId());
  const dir = `${bundle}-mounts`;
  let onDisk: string | undefined;
  const disk = () => {
    if (onDisk === undefined) {
      onDisk = join(place.runDir, `c-${newId()}`);
      mkdirSync(onDisk);
    }
    return onDisk;
  };
  for (const folder of [bundle, dir]) mkdirSync(folder);
  try {
    const rootfs = prepareRoot(place, op, workspace, { dir, disk }, task.snapshotOf);
    if (op.platform) prepareEmulation(op.platform, place.runDir);
    // What a build file's base says of its working folder need not be there.
    if (op.makesCwd) prepareMountpoints(rootfs, [{ path: op.cwd, kind: 'folder' }]);
    const timeoutMs = op.timeoutMs ?? task.timeoutMs;
    return await withMounts(place, op, { dir, disk }, task, (open) => {
      return runContainer({
        id,
        dir: bundle,
        rootfs,
        argv: op.argv,
        ...surroundingsOf(op),
        env: { ...op.hiddenEnv, ...op.env, ...open.env },
        ...extras,
        mounts: [...open.mounts, ...(extras.mounts ?? [])],
        limits: task.limits,
        ...(timeoutMs !== undefined && { timeoutMs }),
        stdio: extras.stdio ?? 'pipe',
        ...(place.starters && { starters: place.starters }),
        isFollowed: task.isFollowed ?? false,
        ready: place.ready,
        signal: task.signal,
        onOutput: task.onOutput,
      });
    });
  } finally {
    const hasMounts = op.root.type === 'builder' || op.mounts.length > 0;
    for (const folder of hasMounts ? [dir, onDisk ?? []].flat() : []) unmountBelow(folder);
    removeLater([bundle, dir], onDisk);
  }
}

/** The next run needn't wait until they are gone, and the end of this process removes what is left. */
function removeLater(inMemory: readonly string[], onDisk: string | undefined): void {
  if (onDisk !== undefined) {
    // A fork's files, of which it may have as many as an image, go at once.
    for (const name of readdirSync(onDisk)) {
      const files = join(onDisk, name, 'fs');
      if (isSubvolume(files)) removeSubvolume(files);
    }
    rm(onDisk, { recursive: true, force: true }, () => {});
  }
  setImmediate(() => {
    try {
      for (const folder of inMemory) rmSync(folder, { recursive: true, force: true });
    } catch {
      // Left to the end.
    }
  });
}

/** What an operation says of the container of its command. */
export function surroundingsOf(op: RunOp) {
  return {
    cwd: op.cwd,
    user: op.user,
    network: op.network,
    security: op.security,
    noNewPrivileges: op.noNewPrivileges ?? false,
    hostname: op.hostname ?? 'cambium',
    hosts: op.hosts ?? [],
    ulimits: op.ulimits ?? [],
    ...(op.shmBytes !== undefined && { shmBytes: op.shmBytes }),
  };
}

/** Host path of the command's root folder. */
function prepareRoot(
  { snapshots }: RunPlace,
  op: RunOp,
  workspace: Workspace,
  { dir, disk }: RunFolders,
  snapshotOf: StepTask['snapshotOf'],
): string {
  const { root } = op;
  if (root.type === 'snapshot') return inTree(workspace.root, root.path, 'the folder that the step runs in');
  const builderDir = join(dir, 'builder');
  mkdirSync(builderDir);
  const { builder } = root;
  let rootfs: string;
  if (builder === 'host') rootfs = mountHostBuilder(builderDir, disk()).rootfs;
  else {
    const stack = snapshots.stackOf(snapshotOf(builder.step));
    rootfs = inTree(snapshots.driver.fork(stack, join(disk(), 'builder')).root, builder.root, 'the builder');
    putMountHelpers(rootfs);
  }
  prepareMountpoints(rootfs, [{ path: root.work, kind: 'folder' }]);
  bindMount(workspace.root, inTree(rootfs, root.work, 'the work folder'));
  return rootfs;
}

/** What a kept workspace needs to be opened again. */
export interface KeptWorkspace {
  base: SnapshotId | null;
  op: RunOp;
}

/** The operation with snapshots in place of steps, for a time when the plan is gone. */
export function resolveSteps(op: RunOp, snapshotOf: StepTask['snapshotOf']): RunOp {
  const resolve = (step: StepId) => snapshotOf(step) as string as StepId;
  // Proxies may hold passwords.
  const { hiddenEnv: _hidden, ...kept } = op;
  const { root } = op;
  return {
    ...kept,
    mounts: op.mounts.map((mount) => {
      if (mount.type === 'step') return { ...mount, step: resolve(mount.step) };
      return mount.type === 'cache' && mount.from
        ? { ...mount, from: { ...mount.from, step: resolve(mount.from.step) } }
        : mount;
    }),
    root:
      root.type === 'builder' && root.builder !== 'host'
        ? { ...root, builder: { ...root.builder, step: resolve(root.builder.step) } }
        : root,
  };
}

/**
 * Keeps the workspace of a failed step, by the name that it returns, unless it is what fills the disk: then no command could write
 * to the store any more, not even the one that makes room.
 */
export async function keepFailed(
  place: RunPlace,
  workspace: Workspace,
  base: SnapshotId | undefined,
  op: RunOp,
): Promise<string | undefined> {
  if (!isFull(place.store.dir)) return keepWorkspace(place, workspace, base, op);
  place.snapshots.discard(workspace);
  await untilRoom(place.store.dir);
  return undefined;
}

/** Moves the workspace of a failed step out of the run; returns its name below kept/. */
function keepWorkspace(
  { store, snapshots }: RunPlace,
  workspace: Workspace,
  base: SnapshotId | undefined,
  op: RunOp,
): string {
  snapshots.driver.release(workspace);
  const name = newId();
  renameSync(workspace.dir, join(store.dir, 'kept', name));
  const kept: KeptWorkspace = { base: base ?? null, op };
  store.db
    .prepare('INSERT INTO kept (name, base, op, created_ms) VALUES (?, ?, ?, ?)')
    .run(name, kept.base, JSON.stringify(op), Date.now());
  return name;
}
