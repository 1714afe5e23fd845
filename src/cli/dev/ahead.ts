/**
 * Builds that begin before the edits rest: what is told of one is held back until they do, and thrown away when another edit
 * comes before that.
 */
import type { EventSink } from '../../plan/index.ts';

export interface Ahead {
  /** Kept when the edits rest. */
  readonly ready: Promise<void>;
  readonly isReady: boolean;
  /** The edits rest. */
  release(): void;
  /** Does it then; at once when they do already. */
  whenReady(act: () => void): void;
}

export function beginAhead(): Ahead {
  let isReady = false;
  let resolve = () => {};
  const ready = new Promise<void>((kept) => {
    resolve = kept;
  });
  const held: (() => void)[] = [];
  return {
    ready,
    get isReady() {
      return isReady;
    },
    release() {
      isReady = true;
      for (const act of held.splice(0)) act();
      resolve();
    },
    whenReady(act) {
      if (isReady) act();
      else held.push(act);
    },
  };
}

/** Tells what it is told, as soon as that is wanted. */
export function heldSink(ahead: Ahead | undefined, sink: EventSink): EventSink {
  return ahead === undefined ? sink : (event) => ahead.whenReady(() => sink(event));
}
