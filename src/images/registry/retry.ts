/** Tries again what failed for a reason that may pass: a broken connection, a registry that is busy or restarts. */

import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf } from '../../kit/errors.ts';

export type Attempt<T> = { done: T } | { failed: unknown; waitMs?: number | undefined };

const maxAttempts = 6;
const firstWaitMs = 100;
/** A registry that asks for a longer pause is not waited for. */
const longestWaitMs = 60_000;

/** Calls `attempt` until it is done; after the last one, or at once when it shall not be tried again, throws its failure. */
export async function withRetries<T>(
  attempt: () => Promise<Attempt<T>>,
  signal?: AbortSignal,
  budget = retryBudget(),
): Promise<T> {
  for (;;) {
    signal?.throwIfAborted();
    const outcome = await attempt();
    if ('done' in outcome) return outcome.done;
    await budget.wait(outcome, signal);
  }
}

export interface RetryBudget {
  /** Waits before the next try; throws the failure when there was one too many. */
  wait(outcome: { failed: unknown; waitMs?: number | undefined }, signal?: AbortSignal): Promise<void>;
  /** What was tried had some success: the next failure counts as the first. */
  renew(): void;
}

export function retryBudget(): RetryBudget {
  let attempts = 0;
  return {
    async wait({ failed, waitMs }, signal) {
      attempts += 1;
      if (attempts >= maxAttempts || (waitMs ?? 0) > longestWaitMs) throw failed;
      // Spread out, so that many that failed at once don't come back at once.
      const own = firstWaitMs * 2 ** (attempts - 1) * (0.5 + Math.random());
      await sleep(waitMs ?? own, undefined, signal ? { signal } : {});
    },
    renew() {
      attempts = 0;
    },
  };
}

/** What a status says of a second try. 500 is among them: registries say so when their own storage hiccups. */
export function isPassing(status: number): boolean {
  return [408, 425, 429, 500, 502, 503, 504].includes(status);
}

/** Retry-After (seconds, or a date) in milliseconds. */
export function retryAfterMs(headers: IncomingHttpHeaders): number | undefined {
  const value = headers['retry-after'];
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

const brokenConnection = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ECONNABORTED',
  'ENETUNREACH',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** Whether an error of a connection may pass. One that nobody answers (ECONNREFUSED, ENOTFOUND) doesn't. */
export function isBrokenConnection(error: unknown): boolean {
  const code = errnoOf(error) ?? '';
  return (
    brokenConnection.has(code) || code.startsWith('HPE_') || /socket hang up|aborted/.test(messageOf(error))
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}
