/** How a run that failed is told. */
import type { Compute } from '../../plan/index.ts';
import type { RunResult } from './runtimes/index.ts';

/** Why the command `argv` failed, for a person; `compute` is what the build file gives it. */
export function describeFailure(result: RunResult, argv: readonly string[], compute: Compute = {}) {
  const program = argv[0] ?? '';
  switch (result.outcome) {
    case 'exit':
      return {
        reason: 'exit' as const,
        exitCode: result.exitCode,
        message: `The command exited with ${result.exitCode}.`,
        ...pidsHint(result),
      };
    case 'signal':
      return {
        reason: 'signal' as const,
        signal: result.signal,
        message: `The command was ended by ${result.signal}.`,
        ...pidsHint(result),
      };
    case 'out-of-memory':
      return {
        reason: 'out-of-memory' as const,
        memory: { limitBytes: result.limitBytes, peakBytes: result.peakBytes },
        message: `The command ran out of memory: it was killed at its limit of ${mebibytes(result.limitBytes)} (peak ${mebibytes(result.peakBytes)}).`,
        hint:
          compute.memoryBytes === undefined
            ? 'Give it more with --memory.'
            : 'Give it more: `memory=` in the build file.',
      };
    case 'timeout':
      return {
        reason: 'timeout' as const,
        timeoutMs: result.timeoutMs,
        message: `The command was ended after ${result.timeoutMs / 1000} s, its time limit.`,
      };
    case 'not-found':
      return {
        reason: 'not-found' as const,
        message: result.message,
        hint: `Look whether ${program} and its interpreter are in the image.`,
      };
    default:
      return { reason: 'error' as const, message: 'The command was cancelled.' };
  }
}

function pidsHint({ usage }: RunResult): { hint?: string } {
  if (usage.refusedPids === undefined) return {};
  return { hint: 'It wanted to start more processes than it may: allow more with --pids.' };
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(0)} MiB`;
}
