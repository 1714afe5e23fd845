/** What a build file says that a step may use: `memory=4g cpus=2 pids=100`. */
import { leastMemoryBytes, readCores, readSizeBytes } from '../kit/amounts.ts';
import { didYouMean } from '../kit/suggest.ts';
import type { Compute } from '../plan/index.ts';

const computeNames = ['cpus', 'memory', 'pids'] as const;

/** Name and value as written; or in one sentence what is wrong, for a complaint. */
export type ReadCompute = { compute: Compute } | { wrong: string; hint?: string };

export function readCompute(entries: Iterable<readonly [name: string, text: string]>): ReadCompute {
  const compute: Compute = {};
  for (const [name, text] of entries) {
    if (name === 'cpus') {
      const cpus = readCores(text);
      if (cpus === undefined) return badAmount(name, text, 'a number of cores, such as 2 or 0.5');
      compute.cpus = cpus;
    } else if (name === 'memory') {
      const memoryBytes = readSizeBytes(text);
      if (memoryBytes === undefined) return badAmount(name, text, 'a size, such as 512m or 2g');
      if (memoryBytes < leastMemoryBytes) return badAmount(name, text, '6m or more; a number alone is bytes');
      compute.memoryBytes = memoryBytes;
    } else if (name === 'pids') {
      if (!/^\d{1,9}$/.test(text)) return badAmount(name, text, 'a whole number; 0 is no limit');
      compute.pids = Number(text);
    } else {
      const meant = didYouMean(name, computeNames, `It takes ${computeNames.join(', ')}.`);
      return { wrong: `\`${name}\` is no word for compute.`, ...(meant && { hint: meant }) };
    }
  }
  return { compute };
}

function badAmount(name: string, text: string, needs: string): ReadCompute {
  return { wrong: `The value \`${text}\` of ${name} is wrong: it takes ${needs}.` };
}

/** The field of a step; none where nothing is said. */
export function computeField(compute: Compute | undefined): { compute?: Compute } {
  return compute === undefined || Object.keys(compute).length === 0 ? {} : { compute };
}
