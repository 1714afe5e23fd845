/** Waiting for what may be given up. */

/** Waits until `promise` settles or `signal` aborts. False when it did not settle. */
export async function settledOrAborted(
  promise: Promise<void>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  let end = () => {};
  const aborted = new Promise<void>((resolve) => {
    end = resolve;
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted) resolve();
  });
  // Where it is both, the first of them counts.
  const isSettled = await Promise.race([promise.then(() => true), aborted.then(() => false)]);
  signal?.removeEventListener('abort', end);
  return isSettled;
}
