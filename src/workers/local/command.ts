/** `cambium run`: one command on a fresh fork of an image, which is thrown away after it, or kept as a snapshot. */
import { hexOf, sha256 } from '../../kit/digest.ts';
import type { RunOp, SnapshotId, StepKey } from '../../plan/index.ts';
import { newId } from '../../store/runs.ts';
import type { Store } from '../../store/store.ts';
import type { StepTask } from '../worker.ts';
import { type CommandMount, openCommandMounts, type VolumeWait } from './command-mounts.ts';
import { type RunExtras, runIn } from './execute-run.ts';
import { inTree } from './in-tree.ts';
import type { LocalWorker } from './local-worker.ts';
import { noProvisions } from './provisions.ts';
import type { RunResult } from './runtimes/index.ts';

export interface CommandRequest extends Pick<StepTask, 'limits' | 'timeoutMs' | 'signal'> {
  snapshot: SnapshotId;
  /** What runs, and where in the snapshot; mounts that belong to builds are none of it. */
  op: RunOp & { root: { type: 'snapshot' } };
  mounts: readonly CommandMount[];
  onWait: VolumeWait;
  /** Called once, in words, when the compute that it asks for isn't free. */
  onComputeWait: (reason: string) => void;
  /** Gets its output, where it hasn't this process's own streams. */
  onOutput?: StepTask['onOutput'];
  extras: Omit<RunExtras, 'mounts'>;
  /** How the snapshot is listed that the fork becomes when the command exits with 0; else it is thrown away. */
  commit?: { stage: string; title: string };
}

export interface CommandResult {
  result: RunResult;
  committed?: SnapshotId;
}

/** Runs the command to its end. Nothing of it is left then but what it wrote to mounts, and what is committed. */
export async function runCommand(
  store: Store,
  worker: LocalWorker,
  request: CommandRequest,
): Promise<CommandResult> {
  const { snapshots, run } = worker;
  const { op, snapshot, commit, limits, timeoutMs, signal, onWait } = request;
  using _held = await worker.reserve(limits, { signal, onWait: request.onComputeWait });
  const startedMs = performance.now();
  const workspace = snapshots.fork(snapshot);
  let isCommitted = false;
  try {
    const rootfs = inTree(workspace.root, op.root.path, "the image's root");
    using open = await openCommandMounts(store, run, rootfs, request.mounts, { signal, onWait });
    const result = await runIn(
      { store, snapshots, runDir: run.dir, runId: run.id, provisions: noProvisions },
      op,
      workspace,
      {
        limits,
        timeoutMs,
        signal,
        snapshotOf: noOtherStep,
        onOutput: request.onOutput ?? (() => {}),
        caches: new Map(),
      },
      { ...request.extras, mounts: open.mounts },
    );
    if (commit === undefined || result.outcome !== 'exit' || result.exitCode !== 0) return { result };
    const committed = snapshots.commit(workspace, {
      ...commit,
      // What a command on its own does is no function of its inputs: nothing ever finds it by this.
      key: hexOf(sha256(`run ${newId()}`)) as StepKey,
      parent: snapshot,
      durationMs: performance.now() - startedMs,
    });
    isCommitted = true;
    return { result, committed };
  } finally {
    if (!isCommitted) snapshots.discard(workspace);
  }
}

function noOtherStep(): never {
  throw new Error('a command on its own has no steps beside it');
}
