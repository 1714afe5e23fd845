/** Runs a command step: a fork of its base, the mounts it declares, a container, and a commit when it exits with 0. */
import { closeSync, mkdirSync, readlinkSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { outside } from '../../kit/errors.ts';
import {
  bindMount,
  descriptorPath,
  mountOverlay,
  O_PATH,
  openFolder,
  openInRoot,
  unmountBelow,
} from '../../kit/system.ts';
import type { RunOp, SnapshotId, StepId } from '../../plan/index.ts';
import { newId } from '../../store/runs.ts';
import type { Store } from '../../store/store.ts';
import type { StepOutcome, StepTask } from '../worker.ts';
import { mountHostBuilder } from './builder-root.ts';
import type { RunMount, RunRequest, RunResult } from './runtimes/index.ts';
import { runContainer } from './runtimes/index.ts';
import type { Workspace } from './snapshots/driver.ts';
import type { Snapshots } from './snapshots/registry.ts';

export interface RunPlace {
  store: Store;
  snapshots: Snapshots;
  runDir: string;
  runId: string;
}

export async function executeRun(place: RunPlace, op: RunOp, task: StepTask): Promise<StepOutcome> {
  const { snapshots } = place;
  const startedMs = performance.now();
  const workspace = snapshots.fork(task.base);
  let isDone = false;
  try {
    const result = await runIn(place, op, workspace, task);
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
      });
      isDone = true;
      return { outcome: 'done', snapshot, durationMs };
    }
    if (result.outcome === 'cancelled') return { outcome: 'cancelled' };
    const kept = keepWorkspace(place, workspace, task.base, resolveSteps(op, task.snapshotOf));
    isDone = true;
    return { outcome: 'failed', failure: describeFailure(result, op), workspace: kept };
  } finally {
    if (!isDone) snapshots.discard(workspace);
  }
}

/** Mounts all that the command sees around `workspace`, runs it, and takes the mounts away. */
export async function runIn(
  place: RunPlace,
  op: RunOp,
  workspace: Workspace,
  task: Pick<StepTask, 'snapshotOf' | 'limits' | 'timeoutMs' | 'signal' | 'onOutput'> & {
    stdio?: RunRequest['stdio'];
  },
): Promise<RunResult> {
  const id = `${place.runId}-${newId()}`;
  const dir = join(place.runDir, `c-${newId()}`);
  mkdirSync(dir);
  try {
    const rootfs = prepareRoot(place, op, workspace, dir, task.snapshotOf);
    const timeoutMs = op.timeoutMs ?? task.timeoutMs;
    const bundle = join(dir, 'bundle');
    mkdirSync(bundle);
    return await runContainer({
      id,
      dir: bundle,
      rootfs,
      argv: op.argv,
      env: op.env,
      cwd: op.cwd,
      user: op.user,
      mounts: op.mounts.map((mount) => hostMount(place, op, mount, dir, task.snapshotOf)),
      network: op.network,
      security: op.security,
      noNewPrivileges: op.noNewPrivileges ?? false,
      hostname: op.hostname ?? 'cambium',
      limits: task.limits,
      ...(timeoutMs !== undefined && { timeoutMs }),
      stdio: task.stdio ?? 'pipe',
      signal: task.signal,
      onOutput: task.onOutput,
    });
  } finally {
    unmountBelow(dir);
  }
}

/** Host path of the command's root folder. */
function prepareRoot(
  { snapshots }: RunPlace,
  op: RunOp,
  workspace: Workspace,
  dir: string,
  snapshotOf: StepTask['snapshotOf'],
): string {
  const { root } = op;
  if (root.type === 'snapshot') return inTree(workspace.root, root.path, 'the folder that the step runs in');
  const builderDir = join(dir, 'builder');
  mkdirSync(builderDir);
  const { builder } = root;
  const rootfs =
    builder === 'host'
      ? mountHostBuilder(builderDir).rootfs
      : inTree(
          snapshots.driver.fork(snapshots.stackOf(snapshotOf(builder.step)), join(builderDir, 'fork')).root,
          builder.root,
          'the builder',
        );
  const work = join(rootfs, root.work);
  mkdirSync(work, { recursive: true });
  bindMount(workspace.root, work);
  return rootfs;
}

function hostMount(
  { snapshots }: RunPlace,
  op: RunOp,
  mount: RunOp['mounts'][number],
  dir: string,
  snapshotOf: StepTask['snapshotOf'],
): RunMount {
  if (mount.type === 'tmpfs') return mount;
  const own = snapshots.mountView(snapshotOf(mount.step));
  const view = op.security === 'builder' ? sealedView(own, dir) : own;
  return { type: 'bind', source: inTree(view, mount.path, 'a mount'), target: mount.target, readonly: true };
}

/**
 * A stage with the right to mount can make a read-only mount writable, and would then write to the snapshot itself. An
 * overlay without an upper folder stays read-only whatever its mounts say; it needs two lower ones.
 */
function sealedView(view: string, dir: string): string {
  const [at, empty] = [join(dir, `sealed-${newId()}`), join(dir, 'empty')];
  mkdirSync(at);
  mkdirSync(empty, { recursive: true });
  mountOverlay({ lowers: [view, empty], at });
  return at;
}

/** Real host path of `path` inside the tree at `root`, whatever symlinks the tree has. */
function inTree(root: string, path: string, what: string): string {
  if (path === '/' || path === '') return root;
  const rootFd = openFolder(root);
  try {
    const fd = openInRoot(rootFd, path, O_PATH);
    const real = readlinkSync(descriptorPath(fd));
    closeSync(fd);
    return real;
  } catch (error) {
    throw outside('missing-folder', `${path}, ${what}, is not in the snapshot.`, {
      cause: error,
      hint: 'An earlier stage has to make it.',
    });
  } finally {
    closeSync(rootFd);
  }
}

/** What a kept workspace needs to be opened again. */
export interface KeptWorkspace {
  base: SnapshotId | null;
  op: RunOp;
}

/** The operation with snapshots in place of steps, for a time when the plan is gone. */
function resolveSteps(op: RunOp, snapshotOf: StepTask['snapshotOf']): RunOp {
  const resolve = (step: StepId) => snapshotOf(step) as string as StepId;
  const { root } = op;
  return {
    ...op,
    mounts: op.mounts.map((mount) =>
      mount.type === 'step' ? { ...mount, step: resolve(mount.step) } : mount,
    ),
    root:
      root.type === 'builder' && root.builder !== 'host'
        ? { ...root, builder: { ...root.builder, step: resolve(root.builder.step) } }
        : root,
  };
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

function describeFailure(result: RunResult, op: RunOp) {
  const program = op.argv[0] ?? '';
  switch (result.outcome) {
    case 'exit':
      return {
        reason: 'exit' as const,
        exitCode: result.exitCode,
        message: `The command exited with ${result.exitCode}.`,
      };
    case 'signal':
      return {
        reason: 'signal' as const,
        signal: result.signal,
        message: `The command was ended by ${result.signal}.`,
      };
    case 'out-of-memory':
      return {
        reason: 'out-of-memory' as const,
        memory: { limitBytes: result.limitBytes, peakBytes: result.peakBytes },
        message: `The command ran out of memory: it was killed at its limit of ${mebibytes(result.limitBytes)} (peak ${mebibytes(result.peakBytes)}).`,
        hint: 'Give it more with --memory.',
      };
    case 'timeout':
      return {
        reason: 'timeout' as const,
        timeoutMs: result.timeoutMs,
        message: `The command was ended after ${result.timeoutMs / 1000} s, its time limit.`,
      };
    case 'not-found':
      return {
        reason: 'not-found' as const,
        message: result.message,
        hint: `Look whether ${program} and its interpreter are in the image.`,
      };
    default:
      return { reason: 'error' as const, message: 'The command was cancelled.' };
  }
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(0)} MiB`;
}
