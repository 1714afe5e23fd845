/** Kills a command at any instant. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type CliOptions, startCambium } from './cli.ts';

/**
 * Runs a command, and kills it at a random moment of the next `withinMs`, unless it ended before; resolves when it is gone.
 * `tookMs` is for the next `withinMs`, where it wasn't killed.
 */
export async function killedWithin(
  withinMs: number,
  args: readonly string[],
  options: CliOptions,
): Promise<{ isKilled: boolean; tookMs: number }> {
  const startMs = performance.now();
  const { child, ended } = startCambium(args, options);
  const wait = new AbortController();
  await Promise.race([
    ended,
    sleep(Math.random() * withinMs, undefined, { signal: wait.signal }).catch(() => {}),
  ]);
  wait.abort();
  child.kill('SIGKILL');
  await ended;
  return { isKilled: child.signalCode === 'SIGKILL', tookMs: performance.now() - startMs };
}
