/** Ends live builders: their processes, and then all that they had. */
import { setTimeout as sleep } from 'node:timers/promises';
import { outside } from '../../../kit/errors.ts';
import { type LiveBuilder, liveBuilders } from '../../../store/live.ts';
import { isAlive } from '../../../store/runs.ts';
import type { Store } from '../../../store/store.ts';
import { warmPartsOf } from '../../../store/warm.ts';
import { endResident } from '../runtimes/index.ts';
import { driverFor } from '../snapshots/registry.ts';
import { sweep } from '../sweep.ts';
import { residentOf } from './builder.ts';

const patienceMs = 10_000;

/** Ends them, and removes what is left of them. Their last results stay. */
export async function endLive(store: Store, builders: readonly LiveBuilder[]): Promise<void> {
  if (builders.length === 0) return;
  for (const live of builders) await endResident(residentOf(live));
  const deadline = Date.now() + patienceMs;
  for (const { run } of builders) {
    while (isAlive(store, run)) {
      if (Date.now() > deadline)
        throw outside('live-stays', 'A live builder could not be ended: its processes do not go away.', {
          hint: 'Is a disk or network file system stuck? They are children of a process `unshare`.',
        });
      await sleep(2);
    }
  }
  await sweep(store, driverFor(store));
}

/** Ends those of a warm builder that stand for no last result of it any more. */
export async function endStale({ store }: { store: Store }, builder: string): Promise<void> {
  const own = liveBuilders(store).filter((live) => live.builder === builder);
  if (own.length === 0) return;
  const parts = warmPartsOf(store.db, builder);
  const isLast = ({ slot, part, result }: LiveBuilder) =>
    parts.get(slot)?.some((one) => one.part === part && one.result === result) === true;
  await endLive(
    store,
    own.filter((live) => !isLast(live)),
  );
}
