/**
 * Whether a run that has begun does its work: its image's HEALTHCHECK says so, or it listens on its ports, or, where there is
 * neither, it is still there after a while.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ImageConfig } from '../../plan/index.ts';
import type { Inside } from '../../workers/local/index.ts';

export interface HealthWish {
  config: ImageConfig;
  /** On which it has to listen. */
  ports: readonly number[];
  /** So long it has to be there, where nothing else says how it is. */
  aliveMs: number;
  /** So long it may take. */
  timeoutMs: number;
}

const askEveryMs = 20;
/** Checks are programs: they cost more than a look. */
const checkEveryMs = 250;
const nsPerMs = 1_000_000;

/** Resolves to undefined when it is healthy, else to why it isn't. Ends early when `signal` says so. */
export async function waitForHealth(
  inside: Inside,
  { config, ports, aliveMs, timeoutMs }: HealthWish,
  signal: AbortSignal,
): Promise<string | undefined> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const check = checkOf(config);
  const until = async (everyMs: number, isReady: () => boolean | Promise<boolean>): Promise<boolean> => {
    while (!stop.aborted) {
      if (await isReady()) return true;
      await sleep(everyMs, undefined, { signal: stop }).catch(() => {});
    }
    return false;
  };
  if (check !== undefined) {
    const { argv, limitMs } = check;
    const ask = async () =>
      (await inside.exec(argv, AbortSignal.any([stop, AbortSignal.timeout(limitMs)]))) === 0;
    return (await until(checkEveryMs, ask)) ? undefined : `its health check failed for ${timeoutMs / 1000} s`;
  }
  if (ports.length > 0) {
    const listens = () => {
      const open = inside.listening();
      return ports.every((port) => open.has(port));
    };
    return (await until(askEveryMs, listens))
      ? undefined
      : `it does not listen on port ${ports.join(', ')} after ${timeoutMs / 1000} s`;
  }
  await sleep(Math.min(aliveMs, timeoutMs), undefined, { signal }).catch(() => {});
  return undefined;
}

/** The command of a HEALTHCHECK, as OCI's `Test` has it. */
function checkOf({ Healthcheck, Shell }: ImageConfig): { argv: string[]; limitMs: number } | undefined {
  const [kind, ...words] = Healthcheck?.Test ?? [];
  const limitMs = Healthcheck?.Timeout ? Healthcheck.Timeout / nsPerMs : 30_000;
  if (kind === 'CMD' && words.length > 0) return { argv: words, limitMs };
  if (kind === 'CMD-SHELL') return { argv: [...(Shell ?? ['/bin/sh', '-c']), ...words], limitMs };
  return undefined;
}
