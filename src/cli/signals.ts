/**
 * Ctrl-C and SIGTERM: the first asks what runs to stop, so that it ends its process trees and mounts; a second one
 * ends this process at once. Either way the exit code is 130.
 */
import { ExitCode } from '../kit/errors.ts';

export interface Interruption {
  signal: AbortSignal;
  /** Stops listening: signals act as they do by default. */
  release(): void;
}

export function listenForInterrupts(onFirst: () => void): Interruption {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(ExitCode.interrupted);
    controller.abort();
    onFirst();
  };
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const name of signals) process.on(name, onSignal);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of signals) process.off(name, onSignal);
    },
  };
}
