/** A shell in a snapshot, or in the kept workspace of a failed step. What is changed there is thrown away. */
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { variablesOf } from '../../images/variables.ts';
import { wrongUse } from '../../kit/errors.ts';
import { lstatIfAny } from '../../kit/walk.ts';
import type { ImageConfig, Mount, Platform, RunOp, SnapshotId, StepId } from '../../plan/index.ts';
import { findSnapshot } from '../../store/snapshots.ts';
import type { Store } from '../../store/store.ts';
import { openCaches } from './caches.ts';
import { type RunExtras, runIn } from './execute-run.ts';
import type { LocalWorker } from './local-worker.ts';
import { noProvisions } from './provisions.ts';
import type { RunResult } from './runtimes/index.ts';
import type { Workspace } from './snapshots/driver.ts';

export type ShellPlace =
  /** With the platform, and the variables, user and folder of the configuration, where it is an image. */
  | { type: 'snapshot'; snapshot: SnapshotId; root: string; config?: ImageConfig; platform?: Platform }
  /** Folder below kept/. */
  | { type: 'kept'; name: string };

/** Opens an interactive shell (or runs `argv`) and returns when it ends. */
export async function openShell(
  store: Store,
  worker: LocalWorker,
  place: ShellPlace,
  argv: readonly string[],
  io: { signal: AbortSignal } & Required<Pick<RunExtras, 'stdio' | 'onLaunch'>>,
): Promise<RunResult> {
  const { snapshots, run } = worker;
  const opened =
    place.type === 'snapshot' ? openSnapshot(worker, place) : openKept(store, worker, place.name);
  const { op, workspace, close } = opened;
  try {
    const shell =
      argv.length > 0
        ? argv
        : [findShell(join(workspace.root, op.root.type === 'snapshot' ? op.root.path : ''))];
    const at = { store, snapshots, runDir: run.dir, runId: run.id, provisions: noProvisions };
    const snapshotOf = (id: StepId) => id as unknown as SnapshotId;
    using caches = await openCaches(at, op.mounts, { snapshotOf, signal: io.signal });
    return await runIn(
      at,
      { ...op, argv: shell, env: { ...op.env, TERM: process.env['TERM'] ?? 'dumb' } },
      workspace,
      {
        snapshotOf,
        limits: {},
        timeoutMs: undefined,
        signal: io.signal,
        onOutput: () => {},
        caches: caches.hosts,
      },
      { stdio: io.stdio, onLaunch: io.onLaunch },
    );
  } finally {
    close();
  }
}

interface Opened {
  op: RunOp;
  workspace: Workspace;
  close: () => void;
}

function openSnapshot({ snapshots }: LocalWorker, place: ShellPlace & { type: 'snapshot' }): Opened {
  const workspace = snapshots.fork(place.snapshot);
  const op: RunOp = {
    type: 'run',
    argv: [],
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ...variablesOf(place.config ?? {}),
    },
    cwd: place.config?.WorkingDir || '/',
    user: place.config?.User ?? '',
    root: { type: 'snapshot', path: place.root },
    mounts: [],
    network: 'host',
    security: 'default',
    ...(place.platform && { platform: place.platform }),
  };
  return { op, workspace, close: () => snapshots.discard(workspace) };
}

/** The step's own command surroundings, on its workspace as it stood. */
function openKept(store: Store, { snapshots, run }: LocalWorker, name: string): Opened {
  const row = store.db.prepare('SELECT base, op FROM kept WHERE name = ?').get(name) as
    | { base: SnapshotId | null; op: string }
    | undefined;
  const kept = join(store.dir, 'kept', name);
  if (row === undefined || !existsSync(kept)) {
    throw wrongUse('no-failed-step', 'The workspace of the failed step is not in the store any more.', {
      hint: 'Build again: a failed step is kept until the next prune.',
    });
  }
  // Within the run's own folder its mounts are swept, should this process be killed.
  const dir = join(run.dir, name);
  renameSync(kept, dir);
  const workspace = snapshots.driver.reopen(snapshots.stackOf(row.base ?? undefined), dir);
  const close = () => {
    snapshots.driver.release(workspace);
    renameSync(dir, kept);
  };
  const op = JSON.parse(row.op) as RunOp;
  const isThere = (step: string) => findSnapshot(store.db, step as SnapshotId) !== undefined;
  const mounts = op.mounts.flatMap((mount): Mount[] => {
    // Its inputs may have been pruned since; secrets and agents belonged to the build.
    if (mount.type === 'step') return isThere(mount.step) ? [mount] : [];
    if (mount.type === 'cache') return mount.from && !isThere(mount.from.step) ? [] : [mount];
    return mount.type === 'tmpfs' || mount.type === 'volume' ? [mount] : [];
  });
  return { op: { ...op, mounts }, workspace, close };
}

const shells = ['bin/bash', 'usr/bin/bash', 'bin/sh', 'usr/bin/sh', 'bin/ash', 'busybox'];

export function findShell(root: string): string {
  const found = shells.find((shell) => lstatIfAny(join(root, shell)) !== undefined);
  return `/${found ?? 'bin/sh'}`;
}
