/**
 * The command that runs on the newest image. A new run starts beside the one that is there, and takes its place when it is
 * healthy; else the one that is there goes on.
 */
import { findImage } from '../../images/index.ts';
import { readSignal, type Signal } from '../../kit/signal-names.ts';
import type { EventSink, ServiceState } from '../../plan/index.ts';
import type { Store } from '../../store/store.ts';
import { describeFailure, type Inside, type PortForward, type RunResult } from '../../workers/local/index.ts';
import type { RunFlags } from '../run/flags.ts';
import { runImage } from '../run/run-image.ts';
import { type HealthWish, waitForHealth } from './health.ts';
import { openRelay } from './relay.ts';

export interface ServiceWish {
  flags: RunFlags;
  health: Pick<HealthWish, 'aliveMs' | 'timeoutMs'>;
}

export interface Service extends AsyncDisposable {
  /** Those of the host at which it is reached. */
  ports: readonly PortForward[];
  /** Starts it on an image and swaps. A call while another one waits for health ends what that one started. */
  replace(image: string): Promise<void>;
}

interface Running {
  image: string;
  /** Asks it to end, and ends it when it doesn't. */
  stop(): Promise<void>;
  ended: Promise<RunResult | Error>;
}

/** So long a command may take to end when it is asked to. */
const patienceMs = 3000;

/** Opens the ports of the host. Throws `UserError`s. */
export async function openService(store: Store, wish: ServiceWish, onEvent: EventSink): Promise<Service> {
  const relay = await openRelay(wish.flags.ports);
  const isOnHost = wish.flags.network === 'host';
  let current: Running | undefined;
  let starting: AbortController | undefined;
  let turn = Promise.resolve();

  const tell = (state: ServiceState['state'], image: string, message?: string) =>
    onEvent({ type: 'service', at: Date.now(), state, image, ...(message !== undefined && { message }) });

  /** Starts a run, and waits for its health. */
  const start = async (image: string, signal: AbortSignal): Promise<Running | string> => {
    const ports = await relay.privatePorts();
    const config = findImage(store.db, image)?.config ?? {};
    const kill = new AbortController();
    let send: ((name: Signal) => void) | undefined;
    let launched: (inside: Inside) => void = () => {};
    const launch = new Promise<Inside>((resolve) => {
      launched = resolve;
    });
    const ended = runImage(store, image, wish.flags, {
      signal: kill.signal,
      stdio: 'pipe',
      ports,
      onLaunch: (sender, inside) => {
        send = sender;
        launched(inside);
      },
      onOutput: (stream, text) => onEvent({ type: 'service-output', at: Date.now(), stream, text }),
    }).then(
      ({ result }) => result,
      (error: Error) => error,
    );
    const running: Running = {
      image,
      ended,
      async stop() {
        send?.(readSignal(config.StopSignal ?? '') ?? 'SIGTERM');
        const timer = setTimeout(() => kill.abort(), send === undefined ? 0 : patienceMs);
        await ended;
        clearTimeout(timer);
      },
    };
    const given = new AbortController();
    const health = launch.then((inside) =>
      waitForHealth(
        inside,
        { config, ports: ports.map(({ port }) => port), ...wish.health },
        AbortSignal.any([signal, given.signal]),
      ),
    );
    const first = await Promise.race([
      health.then((why) => ({ why })),
      ended.then((result) => ({ why: whyEnded(result) })),
      aborted(signal).then(() => ({ why: 'a newer image is there' })),
    ]);
    given.abort();
    if (first.why !== undefined) {
      await running.stop();
      return first.why;
    }
    relay.leadTo(ports);
    return running;
  };

  const watchEnd = (running: Running) => {
    void running.ended.then((result) => {
      if (current !== running) return;
      current = undefined;
      relay.leadTo([]);
      tell('ended', running.image, whyEnded(result));
    });
  };

  const take = (running: Running) => {
    current = running;
    watchEnd(running);
  };

  const replaceNow = async (image: string, signal: AbortSignal) => {
    if (signal.aborted) return;
    const before = current;
    tell('starting', image);
    // Two would want the same ports of the host.
    if (isOnHost && before) {
      current = undefined;
      await before.stop();
    }
    const started = await start(image, signal);
    if (typeof started !== 'string') {
      take(started);
      tell('healthy', image);
      if (!isOnHost) await before?.stop();
      return;
    }
    if (!signal.aborted) tell('kept', image, started);
    if (!isOnHost || before === undefined || signal.aborted) return;
    const again = await start(before.image, signal);
    if (typeof again !== 'string') take(again);
  };

  return {
    ports: relay.ports,
    replace(image) {
      starting?.abort();
      const own = new AbortController();
      starting = own;
      turn = turn
        .then(() => replaceNow(image, own.signal))
        .catch((error: Error) => {
          tell('kept', image, error.message);
        });
      return turn;
    },
    async [Symbol.asyncDispose]() {
      starting?.abort();
      await turn;
      const last = current;
      current = undefined;
      await last?.stop();
      relay[Symbol.dispose]();
    },
  };
}

/** Undefined for a command that did what it had to do. */
function whyEnded(result: RunResult | Error): string | undefined {
  if (result instanceof Error) return result.message;
  if (result.outcome === 'exit' && result.exitCode === 0) return undefined;
  return describeFailure(result, []).message;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
