/** Readers of the event stream that keep each step's output: whole in a log file, the last lines in memory. */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { EventSink, StepId } from '../plan/index.ts';
import type { Store } from '../store/store.ts';

const tailLines = 20;
/** Output of one step that is kept in its log; what a runaway command prints beyond it is only shown. */
const largestLogBytes = 256 * 1024 * 1024;

export interface BuildLogs extends Disposable {
  onEvent: EventSink;
  tailOf(step: StepId): readonly string[];
}

/** Host path of a step's log. */
function logPath(store: Store, buildId: string, step: string): string {
  return join(store.dir, 'logs', buildId, `${step.replaceAll('/', '_')}.log`);
}

export function openLogs(store: Store, buildId: string): BuildLogs {
  const files = new Map<StepId, { fd: number; startedMs: number; bytes: number; atLineStart: boolean }>();
  const tails = new Map<StepId, string>();

  let isBroken = false;
  /** The log is no part of the result: what can't be written (a full disk) is left out, and the step goes on. */
  const write = (step: StepId, at: number, text: string) => {
    if (isBroken) return;
    try {
      append(step, at, text);
    } catch {
      isBroken = true;
    }
  };
  const append = (step: StepId, at: number, text: string) => {
    let file = files.get(step);
    if (file === undefined) {
      mkdirSync(join(store.dir, 'logs', buildId), { recursive: true });
      file = {
        fd: openSync(logPath(store, buildId, step), 'a', 0o600),
        startedMs: at,
        bytes: 0,
        atLineStart: true,
      };
      files.set(step, file);
    }
    if (file.bytes > largestLogBytes) return;
    const stamp = `${((at - file.startedMs) / 1000).toFixed(3).padStart(9)} `;
    const stamped = (file.atLineStart ? stamp : '') + text.replace(/\n(?=.)/gs, `\n${stamp}`);
    file.atLineStart = text.endsWith('\n');
    file.bytes += writeSync(file.fd, stamped);
  };

  return {
    onEvent(event) {
      if (event.type !== 'step-output') return;
      write(event.step, event.at, event.text);
      const text = (tails.get(event.step) ?? '') + event.text;
      // Enough for the last lines, however long the output.
      tails.set(event.step, text.length > 64_000 ? text.slice(-32_000) : text);
    },
    tailOf: (step) => {
      const text = (tails.get(step) ?? '').replace(/\n$/, '');
      return text === '' ? [] : text.split('\n').slice(-tailLines);
    },
    [Symbol.dispose]() {
      for (const { fd } of files.values()) closeSync(fd);
    },
  };
}
