/** Edits as they come in, until they rest: a burst of them is one. */

/** No edit for so long ends a burst, */
const quietMs = 30;
/** which lasts no longer than this. */
const longestMs = 500;

export interface EditGate extends Disposable {
  hint(path: string): void;
}

/** `onSettled` gets the paths of each burst. */
export function gatherEdits(onSettled: (paths: ReadonlySet<string>) => void): EditGate {
  let paths = new Set<string>();
  let firstMs = 0;
  let timer: NodeJS.Timeout | undefined;
  const settle = () => {
    const burst = paths;
    paths = new Set();
    timer = undefined;
    onSettled(burst);
  };
  return {
    hint(path) {
      const now = performance.now();
      if (paths.size === 0) firstMs = now;
      paths.add(path);
      clearTimeout(timer);
      timer = setTimeout(settle, Math.max(0, Math.min(quietMs, firstMs + longestMs - now)));
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
