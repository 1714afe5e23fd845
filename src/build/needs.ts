/** What a step needs, as its last runs tell: said once there are enough of them. */
import type { Compute, StepUsage } from '../plan/index.ts';

/** Runs that are looked at, and how many there must be. */
export const lookedAt = 10;
const enough = 3;

/** Shorter runs say nothing of how many cores they can use. */
const shortMs = 200;
const mib = 2 ** 20;

/**
 * The most that the runs used: memory rounded up to a sixteenth of the next power of two (16 MiB at least), cores to a
 * quarter. Undefined with too few runs, or when the kernel told nothing.
 */
export function needOf(usages: readonly StepUsage[]): Pick<Compute, 'cpus' | 'memoryBytes'> | undefined {
  if (usages.length < enough) return undefined;
  const peaks = usages.flatMap(({ peakMemoryBytes }) => peakMemoryBytes ?? []);
  const cores = usages.flatMap(({ cpuMs, wallMs }) =>
    cpuMs === undefined || wallMs < shortMs ? [] : cpuMs / wallMs,
  );
  if (peaks.length === 0 && cores.length === 0) return undefined;
  return {
    ...(peaks.length > 0 && { memoryBytes: roundMemory(Math.max(...peaks)) }),
    ...(cores.length > 0 && { cpus: Math.max(0.25, Math.ceil(Math.max(...cores) * 4) / 4) }),
  };
}

function roundMemory(bytes: number): number {
  const grain = Math.max(16 * mib, 2 ** Math.ceil(Math.log2(bytes)) / 16);
  return Math.ceil(bytes / grain) * grain;
}
