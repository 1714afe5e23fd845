/** Runs a case: all contenders in turn in each round, so that a busy moment of the machine meets all alike. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Place } from './place.ts';
import type { Case, CaseResult, Contender, Row } from './types.ts';

export interface RoundOptions {
  /** Instead of the number of rounds that the case names. */
  rounds?: number;
  say(text: string): void;
  /** A person asked for the end: no further sample is taken. */
  signal: AbortSignal;
}

/** Round 0 isn't counted: it fills caches. A contender that fails is told as that, and left out of the rest. */
export async function runCase(
  place: Place,
  one: Case,
  { rounds, say, signal }: RoundOptions,
): Promise<CaseResult> {
  const rows = new Map<Contender, Row>(
    one.contenders.map((each) => [each, { name: each.name, samples: [] }]),
  );
  const last = (one.isSeries ? undefined : rounds) ?? one.rounds ?? 5;
  for (let round = one.isCold ? 1 : 0; round <= last; round++) {
    one.edit?.(round);
    for (const contender of rotated(one.contenders, round)) {
      // Signals are noticed between two turns only.
      await nextTurn();
      signal.throwIfAborted();
      const row = rows.get(contender) as Row;
      if (row.error !== undefined || !isDue(contender, round)) continue;
      try {
        await contender.before?.(round);
        const options = { memory: one.memory === true, daemonCpuMs: place.daemonCpuMs };
        const sample = place.meter.measure(contender, round, options);
        await contender.check?.(round);
        if (round > 0) row.samples.push({ ...sample, ...contender.note?.() });
        say(`${one.id} ${round}/${last} ${contender.name}: ${Math.round(sample.wallMs)} ms`);
      } catch (error) {
        row.error = error instanceof Error ? error.message : String(error);
        say(`${one.id}: ${contender.name} failed: ${row.error}`);
      }
    }
  }
  const { id, title, per = 1, goals, baseline } = one;
  return { id, title, per, goals, rows: [...rows.values()], ...(baseline !== undefined && { baseline }) };
}

function isDue({ rounds }: Contender, round: number): boolean {
  return rounds === undefined || (round > 0 && round <= rounds);
}

function rotated<T>(list: readonly T[], by: number): T[] {
  const at = by % Math.max(list.length, 1);
  return [...list.slice(at), ...list.slice(0, at)];
}
