/** What steps used, as a table: for `build --stats`, from the build's events, and for `image history --stats`. */
import type { BuildEvent, Compute, EventSink, StepId, StepUsage } from '../plan/index.ts';
import { formatBytes, formatDuration, formatTable, titleBeside } from './text.ts';

export const usageHeads = ['TIME', 'CPU', 'MEMORY', 'READ', 'WRITTEN'] as const;

/** The cells below `usageHeads`; `-` for what the kernel didn't tell. */
export function usageCells(usage: StepUsage | undefined): string[] {
  const shown = <T>(value: T | undefined, format: (value: T) => string) =>
    value === undefined ? '-' : format(value);
  return [
    shown(usage?.wallMs, formatDuration),
    shown(usage?.cpuMs, (ms) => `${(ms / 1000).toFixed(2)}s`),
    shown(usage?.peakMemoryBytes, formatBytes),
    shown(usage?.readBytes, formatBytes),
    shown(usage?.writtenBytes, formatBytes),
  ];
}

/** As build files ask for it: `memory=512m cpus=1.5`. */
export function formatCompute({ memoryBytes, cpus }: Compute): string {
  const memory = memoryBytes === undefined ? [] : [`memory=${Math.ceil(memoryBytes / 2 ** 20)}m`];
  return [...memory, ...(cpus === undefined ? [] : [`cpus=${cpus}`])].join(' ');
}

type Planned = Extract<BuildEvent, { type: 'step-planned' }>;

/** Takes in the events of a build; `table` then lists its steps in the order of their end, those without a command left out. */
export function usageOfBuild(): { onEvent: EventSink; table: () => string } {
  const planned = new Map<StepId, Planned>();
  const rows: string[][] = [];
  return {
    onEvent(event) {
      if (event.type === 'step-planned') planned.set(event.step, event);
      if (event.type !== 'step-done' && event.type !== 'step-failed') return;
      const step = planned.get(event.step);
      if (step === undefined || event.usage === undefined) return;
      rows.push([step.stage, titleBeside(step.stage, step.title), ...usageCells(event.usage)]);
    },
    table: () =>
      rows.length === 0 ? 'no command ran\n' : formatTable([['STAGE', 'STEP', ...usageHeads], ...rows]),
  };
}
