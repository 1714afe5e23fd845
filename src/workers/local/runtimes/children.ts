/** The tree of processes, as the kernel has it. */
import { readdirSync, readFileSync } from 'node:fs';

/** A process is the child of the thread that made it. */
export function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}
