/** Edits as they come in, until they rest: a burst of them is one. */

/** No edit for so long ends a burst, */
const quietMs = 30;
/** which lasts no longer than this. */
const longestMs = 500;
/** No edit for so long: it may have been the last one. Each time that it wasn't, the next pause has to be longer. */
const pauseMs = 3;
const pauseGrowth = 4;

export interface EditGate extends Disposable {
  hint(path: string): void;
}

export interface EditReaders {
  /** Each edit, at once. */
  onEdit(): void;
  /** A short pause: the paths since the last one. What is begun now may prove to be in vain. */
  onPause(paths: ReadonlySet<string>): void;
  /** The burst is over: the paths since the last pause. */
  onSettled(paths: ReadonlySet<string>): void;
}

export function gatherEdits({ onEdit, onPause, onSettled }: EditReaders): EditGate {
  let paths = new Set<string>();
  /** Of the burst; undefined between two. */
  let firstMs: number | undefined;
  let pauses = 0;
  let pause: NodeJS.Timeout | undefined;
  let timer: NodeJS.Timeout | undefined;
  const take = () => {
    const taken = paths;
    paths = new Set();
    return taken;
  };
  const settle = () => {
    clearTimeout(pause);
    firstMs = undefined;
    pauses = 0;
    onSettled(take());
  };
  return {
    hint(path) {
      const now = performance.now();
      firstMs ??= now;
      paths.add(path);
      clearTimeout(pause);
      clearTimeout(timer);
      onEdit();
      timer = setTimeout(settle, Math.max(0, Math.min(quietMs, firstMs + longestMs - now)));
      const longEnoughMs = pauseMs * pauseGrowth ** pauses;
      if (longEnoughMs >= quietMs) return;
      pause = setTimeout(() => {
        pauses += 1;
        onPause(take());
      }, longEnoughMs);
    },
    [Symbol.dispose]: () => {
      clearTimeout(pause);
      clearTimeout(timer);
    },
  };
}
