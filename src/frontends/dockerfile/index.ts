/** A Dockerfile and the flags of its build → a Plan. */
import { hostPlatform } from '../../images/index.ts';
import { errnoOf, explainSystemError, UserError, wrongUse } from '../../kit/errors.ts';
import { readFileSync } from '../../kit/host-files.ts';
import { rememberText } from '../../kit/shown-texts.ts';
import { didYouMean } from '../../kit/suggest.ts';
import type { Plan, Platform } from '../../plan/index.ts';
import type { PlanRequest } from '../request.ts';
import { checkFilter } from '../stage-names.ts';
import type { CheckResult } from './calls.ts';
import { checkDockerfile } from './checks/check.ts';
import { type Checker, createChecker } from './checks/checker.ts';
import { checkOptionsOf, everyRule } from './checks/options.ts';
import { readDockerfile } from './language/dockerfile.ts';
import type { Dockerfile } from './language/types.ts';
import { globalArguments, platformArguments } from './plan/arguments.ts';
import { ignoreFile } from './plan/places.ts';
import { type Planner, rootOf } from './plan/planner.ts';
import { planStage } from './plan/stage.ts';
import type { StageState } from './plan/state.ts';
import { createStepList } from './plan/step-list.ts';
import type { DockerfileOptions } from './request.ts';

type DockerfileRequest = PlanRequest & { dockerfile: DockerfileOptions };

/** The plan of a Dockerfile; what checks find goes to `onWarning`. Errors are `UserError`s that point into the file. */
export async function loadDockerfile(request: DockerfileRequest): Promise<Plan> {
  const { dockerfile, checker } = await openDockerfile(request);
  try {
    const [platform, ...others] = request.dockerfile.platforms ?? [];
    const plan = await makePlan(request, dockerfile, { checker, platform });
    const failure = checker.failure();
    if (failure !== undefined) throw failure;
    if (platform === undefined || others.length === 0) return plan;
    const plans = [{ platform, plan }];
    for (const each of others) {
      // What is doubtful in the file is told once.
      const quiet = createChecker(everyRule);
      plans.push({
        platform: each,
        plan: await makePlan(request, dockerfile, { checker: quiet, platform: each }),
      });
    }
    const { mergePlans } = await import('./plan/merge.ts');
    return mergePlans(plans);
  } finally {
    for (const { rule, message, location } of checker.warnings())
      request.onWarning?.({ code: rule, message, location });
  }
}

/** Reads and parses the file; a file with an error throws it, after its checks were told. */
async function openDockerfile(
  request: DockerfileRequest,
): Promise<{ dockerfile: Dockerfile; checker: Checker }> {
  const { dockerfile, error } = readDockerfile(await contentOf(request), request.path);
  if (dockerfile === undefined) throw error;
  const { buildArgs } = request.dockerfile;
  const options = checkOptionsOf(dockerfile, buildArgs['BUILDKIT_DOCKERFILE_CHECK']);
  const checker = createChecker(error === undefined ? options : everyRule);
  if (error !== undefined) throw error;
  return { dockerfile, checker };
}

/** What checks find in all stages, or in those that the target needs, with what keeps the file from being built. */
export async function planEveryStage(request: DockerfileRequest): Promise<CheckResult> {
  try {
    const { dockerfile, checker } = await openDockerfile(request);
    try {
      const [platform] = request.dockerfile.platforms ?? [];
      await makePlan(request, dockerfile, { checker, platform, all: request.target === undefined });
      return { warnings: checker.warnings(), error: undefined };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { warnings: checker.warnings(), error };
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { warnings: [], error };
  }
}

/** The Dockerfile's bytes. */
export async function contentOf({
  path,
  dockerfile: { text, context, fileInContext },
  evaluate,
}: DockerfileRequest) {
  if (text !== undefined) {
    rememberText(path, text);
    return text;
  }
  if (context.type === 'source') {
    const { source } = context;
    const inside = fileInContext ?? 'Dockerfile';
    const step = { id: 'context.1', stage: 'context', title: 'context', op: { type: 'source', source } };
    const image = { root: '/', config: {}, platform: hostPlatform() };
    const files = await evaluate({ version: 1, steps: [step], result: step.id, image } as unknown as Plan);
    // By URL comes an archive, or the Dockerfile itself.
    const content = files(inside) ?? (source.type === 'http' ? files(source.file) : undefined);
    if (content !== undefined) {
      rememberText(path, content);
      return content;
    }
    throw wrongUse('missing-dockerfile', `The context has no file ${inside}.`, { hint: 'Name it with -f.' });
  }
  try {
    return readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EISDIR')
      throw wrongUse('missing-dockerfile', `${path} is not a file.`, {
        hint: 'Name the Dockerfile with -f.',
      });
    throw explainSystemError(error, `reading ${path}`);
  }
}

async function makePlan(
  request: DockerfileRequest,
  dockerfile: Dockerfile,
  how: { checker: Checker; platform: Platform | undefined; all?: boolean },
): Promise<Plan> {
  const { dockerfile: options, noCache, noCacheFilter = [] } = request;
  const { checker, platform: asked } = how;
  const native = hostPlatform();
  const target = asked ?? native;
  const targetName = request.target ?? dockerfile.stages.at(-1)?.name ?? '';
  const predefined = platformArguments(native, target, targetName, options.buildArgs);
  checkDockerfile(checker, dockerfile, { predefined, buildArgs: options.buildArgs, native });
  checkFilter(
    dockerfile.file,
    dockerfile.stages.map(({ name, index }) => name ?? `stage-${index}`),
    noCacheFilter.map((name) => name.toLowerCase()),
  );
  const isForced = (stage: string) =>
    noCache === true || noCacheFilter.some((name) => name.toLowerCase() === stage);
  const stages = new Map<number, Promise<StageState>>();
  const { context } = options;
  const planner: Planner = {
    request,
    options,
    dockerfile,
    list: createStepList(isForced),
    checker,
    global: globalArguments(dockerfile, predefined, options.buildArgs),
    native,
    asked,
    target,
    ignore: context.type === 'folder' ? ignoreFile(context.path, request.path) : [],
    stage(index) {
      const stage = dockerfile.stages[index];
      if (stage === undefined) throw new Error(`there is no stage ${index}`);
      const planned = stages.get(index) ?? planStage(planner, stage);
      stages.set(index, planned);
      return planned;
    },
  };
  if (how.all) for (const { index } of dockerfile.stages) await planner.stage(index);
  const state = await planner.stage(targetIndex(dockerfile, request.target));
  const result = rootOf(planner, state);
  const { config, author, history } = state;
  const platform = asked ?? state.platform;
  const image = { root: '/', config, platform, history, ...(author !== undefined && { author }) };
  return { version: 1, steps: planner.list.steps, result, image };
}

function targetIndex({ stages, file }: Dockerfile, target: string | undefined): number {
  if (target === undefined) return stages.length - 1;
  const named = stages.findLastIndex(({ name }) => name === target.toLowerCase());
  if (named >= 0) return named;
  if (/^\d+$/.test(target) && Number(target) < stages.length) return Number(target);
  const names = stages.flatMap(({ name }) => name ?? []);
  const known = names.length > 0 ? `It has ${names.join(', ')}.` : 'None of its stages has a name.';
  throw wrongUse('missing-target', `${file} has no stage \`${target}\`.`, {
    hint: didYouMean(target, names, known) ?? known,
  });
}
