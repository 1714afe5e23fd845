/** `cambium dev` in the background, as a contender sees it: an edit is saved, an image is there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { environment } from '../measure.ts';
import type { Command } from '../types.ts';

export interface Dev {
  /** Returns when an image is there that is newer than those awaited before. Throws when the build fails. */
  awaitImage(): void;
  /** CPU time so far of it and of what it started, in milliseconds. */
  cpuMs(): number;
  stop(): Promise<void>;
}

const patienceMs = 300_000;
const ticksPerMs = 0.1;
const pause = new Int32Array(new SharedArrayBuffer(4));

/** `command`: `cambium dev … --progress json`; `log` takes its events. */
export function startDev({ argv, env }: Command, log: string): Dev {
  const fd = openSync(log, 'w');
  const [program, ...args] = argv;
  const child = spawn(program as string, args, { env: environment(env), stdio: ['ignore', fd, fd] });
  closeSync(fd);
  const events = openSync(log, 'r');
  const piece = Buffer.alloc(65_536);
  let [rest, at] = ['', 0];
  const nextLines = (): string[] => {
    const length = readSync(events, piece, 0, piece.length, at);
    at += length;
    const lines = (rest + piece.toString('utf8', 0, length)).split('\n');
    rest = lines.pop() as string;
    return lines;
  };
  return {
    awaitImage() {
      // This process has no other work: it looks each millisecond, so that the time is that of the image.
      for (const end = performance.now() + patienceMs; performance.now() < end; ) {
        for (const line of nextLines()) {
          if (line.includes('"rebuilt"') && line.includes('"isNew":true')) return;
          if (line.includes('"step-failed"') || line.includes('"error"')) throw new Error(line);
        }
        if (isGone(child)) throw new Error(`cambium dev ended:\n${readFileSync(log, 'utf8').slice(-2000)}`);
        Atomics.wait(pause, 0, 0, 1);
      }
      throw new Error('cambium dev makes no image');
    },
    cpuMs() {
      const [, text = ''] = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(/\) /);
      const times = text.split(' ').slice(11, 15).map(Number);
      return times.reduce((sum, ticks) => sum + ticks, 0) / ticksPerMs;
    },
    async stop() {
      closeSync(events);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Its exit isn't told while this process waits: but who ended has no files open any more. */
function isGone({ pid }: ChildProcess): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}
