/** What the machine gives to runs that ask for compute, all together: its cores, and 80% of its memory. */
import { availableParallelism, totalmem } from 'node:os';
import { formatBytes, readCores, readSizeBytes } from '../../../kit/amounts.ts';
import { outside, wrongUse } from '../../../kit/errors.ts';
import type { Compute } from '../../../plan/index.ts';
import type { Amount } from '../../../store/reservations.ts';

const shareOfMemory = 0.8;

/** As CAMBIUM_BUDGET_CPUS and CAMBIUM_BUDGET_MEMORY say, or else what this machine has. */
export function machineBudget(env: NodeJS.ProcessEnv = process.env): Amount {
  const { CAMBIUM_BUDGET_CPUS: cpus = '', CAMBIUM_BUDGET_MEMORY: memory = '' } = env;
  return {
    cpus: cpus === '' ? availableParallelism() : cpusOf(cpus),
    memoryBytes: memory === '' ? Math.floor(allMemory() * shareOfMemory) : memoryOf(memory),
  };
}

/** Of the machine, or of the cgroup that this process is confined to. */
function allMemory(): number {
  const confined = process.constrainedMemory();
  return confined > 0 ? Math.min(confined, totalmem()) : totalmem();
}

function cpusOf(text: string): number {
  const cpus = readCores(text);
  if (cpus !== undefined) return cpus;
  throw wrongUse(
    'bad-value',
    `CAMBIUM_BUDGET_CPUS is \`${text}\`: it takes a number of cores, such as 2 or 0.5.`,
  );
}

function memoryOf(text: string): number {
  const share = /^(\d{1,2}|100)%$/.exec(text)?.[1];
  const bytes = share === undefined ? readSizeBytes(text) : Math.floor((allMemory() * Number(share)) / 100);
  if (bytes) return bytes;
  throw wrongUse(
    'bad-value',
    `CAMBIUM_BUDGET_MEMORY is \`${text}\`: it takes a size, such as 6g, or a share: 50%.`,
  );
}

/** Throws a UserError (exit code 3) for what can never be had here, however long one waits. */
export function checkCompute(compute: Compute, budget: Amount = machineBudget()): void {
  const { cpus, memoryBytes } = amountOf(compute);
  const isWrong = cpus > budget.cpus || memoryBytes > budget.memoryBytes;
  if (!isWrong) return;
  const [asked, there, variable] =
    cpus > budget.cpus
      ? [shownAmount({ cpus, memoryBytes: 0 }), shownAmount({ ...budget, memoryBytes: 0 }), 'CPUS']
      : [shownAmount({ cpus: 0, memoryBytes }), shownAmount({ ...budget, cpus: 0 }), 'MEMORY'];
  throw outside('too-much-compute', `This machine gives ${there} at most, and ${asked} is asked for.`, {
    hint: `Ask for less, or change the budget with CAMBIUM_BUDGET_${variable}; \`cambium doctor\` shows it.`,
  });
}

/** Processes are limited, but not shared out. */
export function asksForCompute({ cpus, memoryBytes }: Compute): boolean {
  return cpus !== undefined || memoryBytes !== undefined;
}

export function amountOf({ cpus = 0, memoryBytes = 0 }: Compute): Amount {
  return { cpus, memoryBytes };
}

/** For people: `2 cores and 1.5 GiB of memory`. */
export function shownAmount({ cpus, memoryBytes }: Amount): string {
  const rounded = Math.round(cpus * 100) / 100;
  const parts = [
    ...(cpus > 0 ? [`${rounded} ${rounded === 1 ? 'core' : 'cores'}`] : []),
    ...(memoryBytes > 0 ? [`${formatBytes(memoryBytes)} of memory`] : []),
  ];
  return parts.length === 0 ? 'nothing' : parts.join(' and ');
}
