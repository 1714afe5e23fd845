/** The embedded worker's part of the warm lane. */
import { join, posix } from 'node:path';
import { lstatIfAny, typeOf } from '../../../kit/walk.ts';
import type { WarmWorker } from '../../warm.ts';
import { endStale } from '../live/end.ts';
import { whyNotLive } from '../live/fit.ts';
import type { RunPlace } from '../run-place.ts';
import { compareSnapshots } from './compare.ts';
import { carry, runWarm } from './execute.ts';
import { probe } from './probe.ts';
import { folderCheck } from './real-folders.ts';
import { sweepWarm } from './sweep.ts';

export function warmWorker(place: RunPlace): WarmWorker {
  return {
    compare(before, after) {
      // What changed is taken from there next, and compared with again by the step that stands on it.
      if (before !== after && after !== undefined) place.snapshots.mountView(after);
      return compareSnapshots(place.snapshots, before, after);
    },
    async run(task) {
      if (task.live === undefined) return runWarm(place, task);
      const { runLive } = await import('../live/run.ts');
      return runLive(place, task, task.live);
    },
    whyNotLive,
    carry: (step, last, base, signal) => carry(place, step, last, base, signal),
    probe: (task) => probe(place, task),
    filesAt: (snapshot, paths) => filesAt(place.snapshots.mountView(snapshot), paths),
    async sweep(builder) {
      await endStale(place, builder);
      sweepWarm(place);
    },
  };
}

function filesAt(root: string, paths: readonly string[]): string[] {
  const isFolder = folderCheck(root);
  return paths.filter((path) => {
    const stats = isFolder(posix.dirname(path)) ? lstatIfAny(join(root, path)) : undefined;
    return stats !== undefined && typeOf(stats) !== 'directory';
  });
}
