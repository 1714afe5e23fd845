/** `--exec`: a command of the host after each new image. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { EventSink } from '../../plan/index.ts';

/** Runs it to its end; aborting ends it with all that it started in its process group. */
export async function runHook(
  command: string,
  variables: Readonly<Record<string, string>>,
  signal: AbortSignal,
  onEvent: EventSink,
): Promise<void> {
  if (signal.aborted) return;
  const startedMs = performance.now();
  const child = spawn('/bin/sh', ['-c', command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...variables },
    detached: true,
  });
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      onEvent({ type: 'service-output', at: Date.now(), stream, text });
    });
  }
  const onAbort = () => {
    try {
      process.kill(-(child.pid as number), 'SIGKILL');
    } catch {
      // It ended just now.
    }
  };
  signal.addEventListener('abort', onAbort, { once: true });
  const [code] = (await once(child, 'close')) as [number | null];
  signal.removeEventListener('abort', onAbort);
  if (signal.aborted) return;
  const durationMs = performance.now() - startedMs;
  onEvent({ type: 'hook-done', at: Date.now(), command, exitCode: code ?? 137, durationMs });
}
