/**
 * Long work on the main thread, which alone sees this process's mounts. It is written as a generator that pauses at each
 * `yield`: there signals, timers and other steps have their turn, when it is time for that.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

export type Work<T = void> = Generator<undefined, T, undefined>;

/** How long others wait at most, if work pauses often enough. A person does not notice it. */
const sliceMs = 50;

/** Runs `work` and lets others have their turns; once `signal` is aborted it throws the signal's reason at a pause. */
export async function inTurns<T>(work: Work<T>, signal?: AbortSignal): Promise<T> {
  const turn = turnTaker(signal);
  try {
    for (;;) {
      const step = work.next();
      if (step.done) return step.value;
      const pause = turn();
      if (pause !== undefined) await pause;
    }
  } finally {
    // Work that was given up closes what it has open.
    work.return(undefined as never);
  }
}

/** Runs `work` without a pause. */
export function atOnce<T>(work: Work<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

/** Called between two pieces of work: a promise of others' turn when that is due. It rejects once `signal` is aborted. */
export function turnTaker(signal?: AbortSignal): () => Promise<void> | undefined {
  let sinceMs = performance.now();
  return () => {
    if (performance.now() - sinceMs < sliceMs) return undefined;
    return nextTurn().then(() => {
      signal?.throwIfAborted();
      sinceMs = performance.now();
    });
  };
}
