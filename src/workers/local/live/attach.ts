/** A command, or a shell, beside what runs in a live builder. What it changes there is in the next image. */
import { outside } from '../../../kit/errors.ts';
import type { Signal } from '../../../kit/signal-names.ts';
import type { LiveBuilder } from '../../../store/live.ts';
import type { LocalWorker } from '../local-worker.ts';
import { memoryFolder } from '../run-place.ts';
import { execIn, type OwnStreams, type RunResult } from '../runtimes/index.ts';
import { findShell } from '../shell.ts';
import { residentOf, rootOf, workspaceOf } from './builder.ts';

/** Runs `argv`, or a shell where it is empty, on this process's own streams. */
export async function attachLive(
  { run }: LocalWorker,
  live: LiveBuilder,
  argv: readonly string[],
  io: { stdio: OwnStreams; signal: AbortSignal; onLaunch: (send: (signal: Signal) => void) => void },
): Promise<RunResult> {
  const root = rootOf(live);
  if (root === undefined) throw outside('live-ended', 'The live builder has just ended.');
  const shell = argv.length > 0 ? argv : [findShell(`${root}${workspaceOf(live).inner}`)];
  return execIn(residentOf(live), {
    ...io,
    argv: shell,
    env: { TERM: process.env['TERM'] ?? 'dumb' },
    memory: memoryFolder(run.dir),
    limits: live.limits,
    isGuest: true,
  });
}
