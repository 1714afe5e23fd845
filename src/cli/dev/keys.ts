/** Keys that a person presses while `dev` is on a terminal. */
import { isatty } from 'node:tty';

export interface Keys extends Disposable {
  /** Gives the keyboard to another program, until `resume`. */
  pause(): void;
  resume(): void;
}

const interrupt = '\x03';

/** Calls `onKey` for each key, and `onInterrupt` for Ctrl-C; undefined where there is no keyboard. */
export function listenToKeys(onKey: (key: string) => void, onInterrupt: () => void): Keys | undefined {
  if (!isatty(0)) return undefined;
  // Node's own stream: of all on the terminal, it alone reads nothing ahead when it is paused. It may go away before we do.
  const stream = process.stdin.on('error', () => {});
  stream.setEncoding('utf8').on('data', (text: string) => {
    if (text.includes(interrupt)) onInterrupt();
    // An arrow or a function key is no letter.
    else if (text.length === 1) onKey(text.toLowerCase());
  });
  const pause = () => {
    stream.setRawMode(false);
    stream.pause();
  };
  const resume = () => {
    stream.setRawMode(true);
    stream.resume();
  };
  resume();
  return { pause, resume, [Symbol.dispose]: pause };
}
