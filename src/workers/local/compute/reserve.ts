/** Takes the compute that a run asks for out of the machine's budget, over all processes of the store. */
import type { Compute } from '../../../plan/index.ts';
import { reserve } from '../../../store/reservations.ts';
import type { RunHandle } from '../../../store/runs.ts';
import type { Store } from '../../../store/store.ts';
import type { ComputeWait } from '../../worker.ts';
import { amountOf, checkCompute, machineBudget, shownAmount } from './budget.ts';

/** What was asked for is held until it is disposed of; undefined when it was given up. Throws for more than there is. */
export async function reserveCompute(
  store: Store,
  run: RunHandle,
  compute: Compute,
  { signal, onWait, isOver }: ComputeWait,
): Promise<Disposable | undefined> {
  const amount = amountOf(compute);
  const budget = machineBudget();
  checkCompute(compute, budget);
  return reserve(store, run, amount, budget, {
    signal,
    ...(isOver && { isOver }),
    onWait: ({ free, users }) => {
      // Of what it doesn't ask for, how much is free is no news.
      const told = {
        cpus: amount.cpus > 0 ? free.cpus : 0,
        memoryBytes: amount.memoryBytes > 0 ? free.memoryBytes : 0,
      };
      onWait(`it needs ${shownAmount(amount)}; free beside ${users}: ${shownAmount(told)}`);
    },
  });
}
