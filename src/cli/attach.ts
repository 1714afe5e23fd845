/**
 * This process as the outside of a command that runs isolated: its terminal is the command's, and signals that it gets
 * are the command's too.
 */
import { ReadStream } from 'node:tty';
import type { Signal } from '../kit/signal-names.ts';

export interface Attachment extends Disposable {
  /** Aborted when the command is to be ended whatever it does. */
  signal: AbortSignal;
  /** Call when the command can take signals. */
  onLaunch(send: (signal: Signal) => void): void;
}

/** Passed on to commands without a terminal. A terminal's keys reach the command by themselves. */
const forwarded: readonly NodeJS.Signals[] = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
];
const ending: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
/** So many requests to end are patience enough. */
const lastRequest = 3;

/**
 * Listens from now on. Dispose of it at the end: the terminal is then as it was. `stopSignal` is what the command gets when
 * SIGTERM asks it to end.
 */
export function attach({ terminal, stopSignal }: { terminal: boolean; stopSignal?: Signal }): Attachment {
  const controller = new AbortController();
  let send: ((signal: Signal) => void) | undefined;
  let requests = 0;
  const onSignal = (name: NodeJS.Signals) => {
    if (ending.includes(name)) requests += 1;
    const isEnd = ending.includes(name) && (send === undefined || terminal || requests >= lastRequest);
    if (isEnd) controller.abort();
    else if (!terminal) send?.(name === 'SIGTERM' ? (stopSignal ?? name) : name);
  };
  for (const name of forwarded) process.on(name, onSignal);
  let keys: ReadStream | undefined;
  return {
    signal: controller.signal,
    onLaunch(sender) {
      send = sender;
      // The runtime does so itself; but only who knew the terminal before can mend it when the runtime is killed.
      if (terminal && keys === undefined) keys = rawTerminal();
    },
    [Symbol.dispose]() {
      keys?.setRawMode(false);
      for (const name of forwarded) process.off(name, onSignal);
    },
  };
}

function rawTerminal(): ReadStream | undefined {
  if (process.stdin.isTTY !== true) return undefined;
  // It may go away before we do.
  return new ReadStream(0).on('error', () => {}).setRawMode(true);
}
