/**
 * The life of `dev`: edits and keys become builds, one at a time; a build's success goes to the service and the hook.
 *
 * Watching gives hints only. Each build looks at all inputs itself, and what is watched is brought up to date before it
 * does: so nothing is lost that happens while it lasts. A newer edit cancels a build. What changed stays pending until an
 * image holds it.
 */
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BuildRequest, BuildResult } from '../../frontends/build-request.ts';
import type { VerifyResult } from '../../frontends/verify.ts';
import { watchedPlaces } from '../../frontends/watched.ts';
import { openWorkerStock } from '../../frontends/worker-stock.ts';
import { settledOrAborted } from '../../kit/wait.ts';
import { watchTrees } from '../../kit/watch/index.ts';
import type { BuildEvent } from '../../plan/index.ts';
import { asUserError, errorToJson, formatError } from '../errors.ts';
import { colorsFor, standardError } from '../io.ts';
import { formatFailure } from '../report.ts';
import { type BuildKind, runnerOf } from '../run-build.ts';
import { formatVerdict } from '../verdict.ts';
import { type Ahead, beginAhead, heldSink } from './ahead.ts';
import { gatherEdits } from './edits.ts';
import { type KnownLayers, layersOf, newLayerBytes } from './new-bytes.ts';
import { stopwatch } from './phases.ts';
import type { Session, SessionRequest } from './session-types.ts';

/** So many builds in a row are cancelled by edits; the next one is let through: else files that change all the time would stop all. */
const mostCancelled = 5;
/** Nothing happened for so long: steps are tried. */
const tryAfterMs = 1000;
/** Paths that an event names. */
const namedPaths = 20;

interface Job {
  kind: BuildKind;
  isAsked: boolean;
  isIdle: boolean;
  /** It begins before the edits rest. */
  ahead?: Ahead;
}

type Outcome = BuildResult | VerifyResult | { outcome: 'error' };

export function startSession(request: SessionRequest): Session {
  const { screen, signal } = request;
  const { store } = request.build;
  const workers = openWorkerStock(store, request.build.provisions);
  const pending = new Set<string>();
  let wanted: Job | undefined;
  let running: { job: Job; controller: AbortController } | undefined;
  let wake = () => {};
  let cancelled = 0;
  let quietSince = performance.now();
  let last: Extract<BuildResult, { outcome: 'done' }> | undefined;
  let layers: KnownLayers | undefined;
  /** What was built when its steps were tried. */
  let tried: typeof last;
  let hasFailed = false;
  let lastError = '';
  let isFirst = true;

  const want = (job: Job) => {
    // What a person asked for is more than what an edit does.
    if (wanted === undefined || !wanted.isAsked || job.isAsked) wanted = job;
    wake();
  };
  const onEdit = () => {
    // It looks at files that are others by now.
    if (running?.job.ahead?.isReady === false) running.controller.abort();
  };
  const onPause = (paths: ReadonlySet<string>) => {
    for (const path of paths) pending.add(path);
    if (running !== undefined && !running.controller.signal.aborted) return;
    want({ kind: 'rebuild', isAsked: false, isIdle: false, ahead: beginAhead() });
  };
  const onSettled = (paths: ReadonlySet<string>) => {
    for (const path of paths) pending.add(path);
    quietSince = performance.now();
    const isUnderWay = running !== undefined && !running.controller.signal.aborted;
    const begun = isUnderWay ? running?.job.ahead : wanted?.ahead;
    if (begun?.isReady === false) {
      begun.release();
      return;
    }
    // What is killed in a live builder takes all that runs there with it: better to let it end.
    const canCancel = cancelled < mostCancelled && request.build.live !== true;
    if (running && canCancel) running.controller.abort();
    want(
      running?.job.isAsked && !running.job.isIdle
        ? running.job
        : { kind: 'rebuild', isAsked: false, isIdle: false },
    );
  };
  const gate = gatherEdits({ onEdit, onPause, onSettled });
  const isIgnored = (path: string) =>
    request.ignored.some(
      (own) =>
        path === own ||
        path.startsWith(`${own}/`) ||
        path.startsWith(`${dirname(own)}/.${basename(own)}.`) ||
        // While it is written and has no name, events call it by its inode.
        (dirname(path) === dirname(own) && /^#\d+$/.test(basename(path))),
    );
  const watch = watchTrees((path) => {
    if (!isIgnored(path)) gate.hint(path);
  });
  const emit = (event: BuildEvent) => screen.onEvent(event);
  let told = '';
  const tellWatch = () => {
    const text = `${watch.mode} ${watch.folders}`;
    if (text === told || watch.folders === 0) return;
    told = text;
    emit({ type: 'watching', at: Date.now(), mode: watch.mode, folders: watch.folders });
  };

  const perform = async (job: Job): Promise<void> => {
    const edited = [...pending];
    pending.clear();
    const controller = new AbortController();
    running = { job, controller };
    const stop = () => controller.abort();
    signal.addEventListener('abort', stop, { once: true });
    const at = Date.now();
    const tell = heldSink(job.ahead, emit);
    if (edited.length > 0)
      tell({ type: 'edited', at, paths: edited.slice(0, namedPaths), count: edited.length });
    const { ahead } = job;
    if (ahead) ahead.whenReady(() => screen.setBusy(true));
    else screen.setBusy(true);
    const clock = stopwatch(at);
    const outcome = await build(job, controller.signal, (event) => {
      clock.onEvent(event);
      tell(event);
    });
    screen.setBusy(false);
    signal.removeEventListener('abort', stop);
    running = undefined;
    const isCancelled = outcome.outcome === 'interrupted';
    const isVoid = ahead?.isReady === false;
    if (!isVoid) cancelled = isCancelled ? cancelled + 1 : 0;
    if (outcome.outcome !== 'done') {
      // Not held by any image yet.
      for (const path of edited) pending.add(path);
      if (!isCancelled) hasFailed = true;
      return;
    }
    hasFailed = false;
    lastError = '';
    const before = last;
    last = outcome;
    isFirst = false;
    const { imageId: image, state } = outcome;
    const isNew = image !== before?.imageId;
    const newBytes = isNew ? newLayerBytes(store, layers, image) : undefined;
    if (isNew) layers = layersOf(store, image);
    const size = newBytes === undefined ? {} : { newBytes };
    emit({ type: 'rebuilt', at: Date.now(), image, isNew, state, phases: clock.phases(), ...size });
    if ('drifts' in outcome) screen.tell(formatVerdict(outcome, colorsFor(standardError)));
    else if (job.isAsked && !isNew) screen.tell('nothing to do: the image is the same');
    if (isNew) request.onImage(image, outcome);
  };

  const build = async (
    job: Job,
    cancel: AbortSignal,
    onEvent: (event: BuildEvent) => void,
  ): Promise<Outcome> => {
    let isPlanned = false;
    const { outputs, noCache, noCacheFilter, ...rest } = request.build;
    const full: BuildRequest = {
      ...rest,
      // Idle time is nobody's wish to send an image anywhere.
      outputs: job.isIdle ? [] : outputs,
      // For the first build: each edit would run all steps otherwise.
      ...(isFirst && { ...(noCache !== undefined && { noCache }), ...(noCacheFilter && { noCacheFilter }) }),
      signal: cancel,
      onEvent,
      workers,
      ...(job.ahead && { ready: job.ahead.ready }),
      onPlan: (plan) => {
        isPlanned = true;
        watch.set(watchedPlaces(request.build, plan));
        tellWatch();
      },
    };
    try {
      const result = await (await runnerOf(job.kind))(full);
      if (result.outcome !== 'done' && (await wasVoid(job, cancel))) return { outcome: 'interrupted' };
      if (result.outcome === 'failed') {
        const { step, failure } = result;
        screen.tell(
          formatFailure(step, failure, request.storeFlag, colorsFor(standardError), standardError.columns),
        );
      }
      return result;
    } catch (error) {
      if (cancel.aborted || (await wasVoid(job, cancel))) return { outcome: 'interrupted' };
      tellError(error);
      return { outcome: 'error' };
    } finally {
      // What is watched for the first time may have changed before.
      if (!isPlanned && !cancel.aborted && watch.set(watchedPlaces(request.build, undefined)))
        want({ kind: 'rebuild', isAsked: false, isIdle: false });
    }
  };

  /** Whether a build that began ahead of time was stopped by a further edit: waits for that, or for the edits to rest. */
  const wasVoid = async ({ ahead }: Job, cancel: AbortSignal): Promise<boolean> =>
    ahead !== undefined && !(await settledOrAborted(ahead.ready, cancel));

  const tellError = (error: unknown) => {
    const known = asUserError(error);
    const text = formatError(known, colorsFor(standardError), standardError.columns ?? 80);
    if (text !== lastError) screen.tell(text, errorToJson(known));
    lastError = text;
  };

  /** Waits for something to do. Meanwhile the steps are tried of which it isn't known whether they may be rebuilt warm. */
  const rest = async () => {
    const over = new AbortController();
    const woken = new Promise<void>((resolve) => {
      wake = () => {
        over.abort();
        resolve();
      };
    });
    const trying = last && !hasFailed && tried !== last ? tryAll(last, over.signal) : undefined;
    await woken;
    await trying;
  };

  const tryAll = async (built: NonNullable<typeof last>, over: AbortSignal): Promise<void> => {
    try {
      await sleep(tryAfterMs, undefined, { signal: over });
      const { probe } = await import('../../frontends/probe.ts');
      for (const { step, reason } of await probe({ ...request.build, signal: over, onEvent: () => {} })) {
        const message = `The step ${step.title} can't go on from its own last result: ${reason}.`;
        emit({ type: 'warning', at: Date.now(), code: 'clean-only', message });
      }
      if (!over.aborted) tried = built;
    } catch (error) {
      if (over.aborted) return;
      tried = built;
      tellError(error);
    }
  };

  const live = async () => {
    watch.set(watchedPlaces(request.build, { steps: [] }));
    wanted = { kind: 'rebuild', isAsked: false, isIdle: false };
    try {
      while (!signal.aborted) {
        const job = wanted;
        wanted = undefined;
        if (job !== undefined) {
          await perform(job);
          quietSince = performance.now();
        }
        if (wanted === undefined && !signal.aborted) await rest();
      }
    } finally {
      workers[Symbol.dispose]();
      gate[Symbol.dispose]();
      watch[Symbol.dispose]();
    }
  };
  signal.addEventListener('abort', () => wake(), { once: true });
  return {
    ask(kind, { isIdle = false } = {}) {
      if (!isIdle) running?.controller.abort();
      want({ kind, isAsked: true, isIdle });
    },
    ended: live(),
    last: () => last,
    hasFailed: () => hasFailed,
    idleMs: () => (running || wanted ? 0 : performance.now() - quietSince),
  };
}
