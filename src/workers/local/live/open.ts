/** Begins a live builder: a container on a fork of a step's last result, which belongs to no process of ours. */
import { closeSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { bindBare } from '../../../kit/system.ts';
import { holdSnapshots, type LiveBuilder, saveLive } from '../../../store/live.ts';
import { beginLastingRun, newId } from '../../../store/runs.ts';
import type { LiveWish, WarmTask } from '../../warm.ts';
import { openCaches } from '../caches.ts';
import { surroundingsOf } from '../execute-run.ts';
import { inTree } from '../in-tree.ts';
import type { RunPlace } from '../run-place.ts';
import { prepareMountpoints, type RunMount, startResident } from '../runtimes/index.ts';
import { sweep } from '../sweep.ts';
import { withForkedCaches } from '../warm/execute.ts';
import { bareFolder, type LiveWorkspace } from './builder.ts';

/** Starts it on the task's last result, or on its base where it has none. Throws `UserError`s. */
export async function openLive(place: RunPlace, task: WarmTask, wish: LiveWish): Promise<LiveBuilder> {
  const { store, snapshots } = place;
  const { step, last, limits } = task;
  const op = withForkedCaches(step.op);
  const start = last ? last.result : task.base;
  const own = beginLastingRun(store);
  let isMade = true;
  try {
    const bare = join(own.dir, bareFolder);
    mkdirSync(bare);
    bindBare(own.dir, bare);
    const workspace = snapshots.driver.fork(snapshots.stackOf(start), join(own.dir, newId()));
    const rootfs = op.root.type === 'snapshot' ? inTree(workspace.root, op.root.path, 'its root') : '';
    if (op.makesCwd) prepareMountpoints(rootfs, [{ path: op.cwd, kind: 'folder' }]);
    // Forks that are never kept, and go with it: what its processes do to a cache between two runs belongs to neither.
    const caches = await openCaches({ ...place, runDir: own.dir, runId: own.id }, op.mounts, task);
    const mounts = op.mounts.flatMap((mount): RunMount[] => {
      if (mount.type === 'tmpfs') return [mount];
      const source = caches.hosts.get(mount);
      if (source === undefined || mount.type !== 'cache') return [];
      return [{ type: 'bind', source, target: mount.target, readonly: mount.readOnly }];
    });
    const dir = join(own.dir, 'container');
    mkdirSync(dir, { mode: 0o700 });
    const live: Omit<LiveBuilder, 'resident'> = {
      ...{ builder: wish.builder, slot: wish.slot, part: wish.part, definition: wish.definition },
      buildFile: wish.buildFile,
      ...{
        run: own.id,
        stage: step.stage,
        title: step.title,
        limits,
        start,
        captured: start,
        result: last?.result,
      },
      base: last ? last.base : task.base,
      workspace: JSON.stringify({
        ...workspace,
        inner: rootfs.slice(workspace.root.length),
      } satisfies LiveWorkspace),
      seenNs: last?.seenNs ?? 0n,
      ...{ busy: true, createdMs: Date.now(), usedMs: Date.now() },
    };
    const resident = await startResident(
      {
        ...{
          id: `${own.id}-live`,
          dir,
          rootfs,
          env: op.env,
          ...surroundingsOf(op),
          mounts,
          limits,
          held: own.fd,
        },
      },
      (known) => {
        const row = { ...live, resident: JSON.stringify(known) };
        saveLive(store.db, row);
        holdSnapshots(store.db, row);
      },
    );
    return { ...live, resident: JSON.stringify(resident) };
  } catch (error) {
    isMade = false;
    throw error;
  } finally {
    // From now on, the container alone holds the run.
    closeSync(own.fd);
    if (!isMade) await sweep(store, snapshots.driver);
  }
}
