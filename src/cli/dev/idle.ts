/** `--verify idle`: verifies a warm image when nobody edits and the machine has little to do. */
import { availableParallelism, loadavg } from 'node:os';
import type { Session } from './session-types.ts';

const lookEveryMs = 1000;

export interface IdleWish {
  /** No edit for so long. */
  afterMs: number;
  /** Most load for each core, over the last minute. */
  load: number;
}

/** Looks now and then. A verification that an edit ended is begun again later. */
export function verifyWhenIdle(session: Session, { afterMs, load: mostLoad }: IdleWish): Disposable {
  const timer = setInterval(() => {
    const last = session.last();
    if (last === undefined || session.hasFailed() || last.state !== 'warm') return;
    const [load = 0] = loadavg();
    if (session.idleMs() < afterMs || load > mostLoad * availableParallelism()) return;
    session.ask('verify', { isIdle: true });
  }, lookEveryMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
