/** From a build file to an image: the frontend's plan, its build, and what becomes of the result. */
import { join } from 'node:path';
import { buildPlan, type PlanBuildResult, type PlanRow, reportPlan } from '../build/index.ts';
import { canonicalJson, type Digest, hexOf, sha256 } from '../kit/digest.ts';
import type { Network, Plan, SnapshotId, StepId } from '../plan/index.ts';
import { withLock } from '../store/runs.ts';
import { noteWarmImage } from '../store/warm.ts';
import type { LazyLocalWorker, LocalWorker } from '../workers/local/index.ts';
import { createLocalWorker, hostIdentity } from '../workers/local/index.ts';
import type { BuildRequest, BuildResult, ProjectRequest } from './build-request.ts';
import { type Glance, openGlance } from './glance.ts';
import { loadPlan } from './index.ts';
import type { PlanRequest, SnapshotFiles } from './request.ts';

export type Worker = LazyLocalWorker;

export interface Built {
  result: BuildResult;
  /** Of each step. */
  results: ReadonlyMap<StepId, SnapshotId>;
}

/** A build of the build file failed or was stopped before there was a plan. */
class Unfinished extends Error {
  readonly result: Exclude<PlanBuildResult, { outcome: 'done' }>;

  constructor(result: Exclude<PlanBuildResult, { outcome: 'done' }>) {
    super('the build file could not be evaluated');
    this.result = result;
  }
}

export async function build(request: BuildRequest): Promise<BuildResult> {
  const { resolveImage } = await import('./resolve-image.ts');
  const open = (worker: Worker) =>
    openGlance(request, worker, (source) => resolveImage(request.store, source));
  return withPlan(
    request,
    async (worker, plan, glance) => {
      const { result } = await buildImage(request, worker, plan, { glance });
      if (result.outcome === 'done') glance?.keep();
      return result;
    },
    open,
  );
}

/** One warm rebuild: a step that must run starts from its own last result. */
export async function rebuild(request: BuildRequest): Promise<BuildResult> {
  const builder = builderOf(request);
  return withPlan(
    request,
    async (worker, plan) => (await rebuildImage(request, worker, plan, builder)).result,
  );
}

/** Names the warm builder of a build file, a target and a platform. */
export function builderOf({ path, target, dockerfile }: ProjectRequest): string {
  const { text, platforms } = dockerfile ?? {};
  return hexOf(sha256(canonicalJson([path, target ?? null, platforms ?? null, text ?? null])));
}

/** As `buildImage`, by the warm lane; one at a time for a builder. */
export async function rebuildImage(
  request: BuildRequest,
  worker: Worker,
  plan: Plan,
  builder: string,
): Promise<Built> {
  const { store, signal, onEvent } = request;
  const onWait = () => {
    const message = 'Another rebuild of this build file is at work: waiting for it.';
    onEvent({ type: 'warning', at: Date.now(), code: 'waiting', message });
  };
  return withLock(store, `warm-${builder}`, { onWait, signal }, async () => {
    const built = await buildImage(request, worker, plan, { builder });
    const { result } = built;
    if (result.outcome === 'done' && result.state === 'warm') {
      noteWarmImage(store.db, builder, result.imageId);
      await (await worker.warm()).sweep(builder);
    }
    return built;
  });
}

/** Makes the plan and gives it to `body`, with a worker that ends afterwards. */
export async function withPlan<T>(
  request: BuildRequest,
  body: (worker: Worker, plan: Plan, glance: Glance | undefined) => Promise<T>,
  open?: (worker: Worker) => Promise<Glance | undefined>,
): Promise<T | Exclude<PlanBuildResult, { outcome: 'done' }>> {
  const { workers, ready } = request;
  const worker = workers?.take() ?? createLocalWorker(request.store, request.provisions);
  if (ready) worker.holdCommands(ready);
  try {
    using glance = await open?.(worker);
    const plan = glance?.plan ?? (await planOf(request, worker, request, glance));
    request.onPlan?.(plan);
    return await body(worker, plan, glance);
  } catch (error) {
    if (error instanceof Unfinished) return error.result;
    throw error;
  } finally {
    if (workers) workers.give(worker);
    else worker.close();
  }
}

/** The plan of a build file and what a build of it would do. Only the build file itself is evaluated. */
export async function planReport(request: ProjectRequest): Promise<{ plan: Plan; rows: PlanRow[] }> {
  const worker = createLocalWorker(request.store, request.provisions);
  try {
    const plan = await planOf(request, worker, {
      jobs: 1,
      limits: {},
      signal: new AbortController().signal,
      onEvent: () => {},
    });
    return { plan, rows: await reportPlan(request.store, worker, plan, request.path, builderOf(request)) };
  } finally {
    worker.close();
  }
}

type Run = Pick<BuildRequest, 'jobs' | 'limits' | 'signal' | 'ready' | 'onEvent'>;

async function planOf(request: ProjectRequest, worker: Worker, run: Run, glance?: Glance): Promise<Plan> {
  const { store, path } = request;
  const connected = (plan: Plan) =>
    request.network === undefined || request.dockerfile ? plan : withNetwork(plan, request.network);
  const evaluate = async (evaluated: Plan): Promise<SnapshotFiles> => {
    const plan = connected(evaluated);
    const { jobs, limits, signal, ready, onEvent } = run;
    const result = await buildPlan({
      ...{ store, worker, plan, jobs, limits, signal, ready, onEvent },
      buildFile: `${path} (configure)`,
      isMain: false,
      holdsResult: false,
      ...(glance && { findKeys: glance.keysOfPart }),
    });
    if (result.outcome !== 'done') throw new Unfinished(result);
    return (file) => worker.readFile(result.result, file);
  };
  // A walk over /etc: once is enough.
  let identity: Readonly<Record<string, string>> | undefined;
  const rest: Partial<PlanRequest> = {};
  for (const name of ['settingsFile', 'target', 'noCache', 'noCacheFilter', 'dockerfile'] as const) {
    if (request[name] !== undefined) Object.assign(rest, { [name]: request[name] });
  }
  const { resolveImage } = await import('./resolve-image.ts');
  const asked: PlanRequest = {
    path,
    set: request.set,
    evaluate,
    hostIdentity: () => (identity ??= hostIdentity(store)),
    resolveImage: (source) => resolveImage(store, source),
    cacheDir: join(store.dir, 'compiled'),
    onWarning: (warning) => run.onEvent({ type: 'warning', at: Date.now(), ...warning }),
    ...rest,
  };
  return connected(await loadPlan(glance?.noted(asked) ?? asked));
}

function withNetwork(plan: Plan, network: Network): Plan {
  return {
    ...plan,
    steps: plan.steps.map((step) =>
      step.op.type === 'run' ? { ...step, op: { ...step.op, network } } : step,
    ),
  };
}

/** `builder`: the warm builder whose last results steps start from; without it, the build is a clean one. */
export async function buildImage(
  request: BuildRequest,
  worker: Worker,
  plan: Plan,
  { builder, glance }: { builder?: string; glance?: Glance | undefined } = {},
): Promise<Built> {
  const { store, path, jobs, limits, timeoutMs, signal, ready, onEvent, outputs, needDigest } = request;
  let image: { imageId: string; digest?: Digest } = { imageId: '' };
  const result = await buildPlan({
    ...{ store, worker, plan, jobs, limits, timeoutMs, signal, ready, onEvent },
    buildFile: path,
    isMain: true,
    holdsResult: outputs.length > 0 || needDigest,
    ...(glance && { findKeys: glance.keys }),
    ...(builder !== undefined && {
      warm: { builder, open: () => worker.warm(), isLive: request.live ?? false },
    }),
    conclude: async (snapshots, state) => {
      const { makeImage } = await import('./make-image.ts');
      const made = await makeImage(
        request,
        plan,
        snapshots,
        state,
        async () => (await worker.open()) as LocalWorker,
      );
      image = made;
      return { tags: made.tags, ...(made.digest && { digest: made.digest }) };
    },
  });
  if (result.outcome !== 'done') return { result, results: new Map() };
  const { results, state, ran, reused, savedMs } = result;
  return { result: { outcome: 'done', ...image, state, ran, reused, savedMs }, results };
}
