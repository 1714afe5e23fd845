/** Where the time of a build went, by its events. */
import type { BuildEvent, RebuildPhases } from '../../plan/index.ts';
import { formatBytes } from '../text.ts';

export interface Stopwatch {
  onEvent(event: BuildEvent): void;
  /** Call after `build-done`. */
  phases(): RebuildPhases;
}

export function stopwatch(startedAt: number): Stopwatch {
  let planned = startedAt;
  let firstRun: number | undefined;
  let lastEnd: number | undefined;
  let lastKnown: number | undefined;
  let done = startedAt;
  return {
    onEvent(event) {
      if (event.type === 'build-started') planned = event.at;
      else if (event.type === 'step-started') firstRun ??= event.at;
      else if (event.type === 'step-done') lastEnd = event.at;
      else if (event.type === 'step-reused') lastKnown = event.at;
      else if (event.type === 'build-done') done = event.at;
    },
    phases() {
      const keyed = firstRun ?? lastKnown ?? done;
      const ran = lastEnd ?? keyed;
      return {
        planMs: planned - startedAt,
        keysMs: keyed - planned,
        stepsMs: ran - keyed,
        imageMs: done - ran,
      };
    },
  };
}

/** For people, on one line. `newBytes`: what the new layer takes, where that is known. */
export function formatPhases(
  { planMs, keysMs, stepsMs, imageMs }: RebuildPhases,
  newBytes: number | undefined,
): string {
  const parts = [`plan ${planMs} ms`, `keys ${keysMs} ms`, `steps ${stepsMs} ms`, `image ${imageMs} ms`];
  if (newBytes !== undefined) parts.push(`new layer ${formatBytes(newBytes)}`);
  return parts.join(' · ');
}
