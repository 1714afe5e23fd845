/** What ends a run before its command does: its time is over, or nobody wants it any more. */

/** Node's timers fire at once beyond this: 24 days. */
const maxTimerMs = 2 ** 31 - 1;

export interface Stop {
  /** Why, as soon as it is so. */
  why(): 'timeout' | 'cancelled' | undefined;
  /** Call it when the run is over: nothing stops it any more. Resolves when what `kill` began is done. */
  over(): Promise<void>;
}

/** Calls `kill` at most once. */
export function stopOn(
  { signal, timeoutMs }: { signal?: AbortSignal; timeoutMs?: number | undefined },
  kill: () => Promise<void>,
): Stop {
  let stopped: 'timeout' | 'cancelled' | undefined;
  let killed: Promise<void> | undefined;
  const stop = (why: 'timeout' | 'cancelled') => {
    stopped ??= why;
    killed ??= kill();
  };
  const onAbort = () => stop('cancelled');
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(() => stop('timeout'), Math.min(timeoutMs, maxTimerMs));
  return {
    why: () => stopped,
    async over() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      await killed;
    },
  };
}
