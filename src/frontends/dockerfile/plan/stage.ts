/** One stage → steps: what it starts from, triggers of its base, and its instructions. */
import { posix } from 'node:path';
import { UserError } from '../../../kit/errors.ts';
import { didYouMean } from '../../../kit/suggest.ts';
import { checkBasePlatform, checkUndefined } from '../checks/build-rules.ts';
import { blame } from '../language/complain.ts';
import { parseTrigger } from '../language/dockerfile.ts';
import { expandInstruction, expandWord } from '../language/expand-instruction.ts';
import { parsePlatform, samePlatform } from '../language/platform.ts';
import type { Stage, StageInstruction, WorkdirInstruction } from '../language/types.ts';
import { computeOf, refuseWishes } from './compute.ts';
import { configure } from './configure.ts';
import { planCopy } from './copy.ts';
import { describeSource, forPlatform, imagePlace, type Place } from './places.ts';
import { contextOfStage, type Planner } from './planner.ts';
import { planRun } from './run.ts';
import { addHistory, emptyConfig, prepare, type StageState, startFrom } from './state.ts';
import { titleOf } from './step-list.ts';
import { refuseWarmth } from './warmth.ts';

/** Plans a stage; the stages that it needs are planned before it. */
export async function planStage(planner: Planner, stage: Stage): Promise<StageState> {
  const context = contextOfStage(planner, stage);
  const state = context ? await fromPlace(planner, stage, context) : await fromBase(planner, stage);
  refuseWarmth(stage.from);
  state.compute = computeOf(stage.from);
  prepare(state);
  if (context) return state;
  const triggers = (state.config.OnBuild ?? []).concat(state.triggers);
  delete state.config.OnBuild;
  state.triggers = [];
  const inherited = triggers.map((trigger) => parseTrigger(trigger, stage.from));
  for (const instruction of [...inherited, ...stage.instructions])
    await planInstruction(planner, state, instruction, stage.index);
  return state;
}

function labelOf({ name, index }: Stage): string {
  return name ?? `stage-${index}`;
}

async function fromBase(planner: Planner, stage: Stage): Promise<StageState> {
  const { dockerfile, global } = planner;
  const { from, index } = stage;
  const lookup = (name: string) => global.get(name);
  const base = expandWord(from, from.base, { escape: dockerfile.escape, lookup }).text;
  if (base === '') {
    throw blame(from, `FROM names nothing: \`${from.base}\` is empty.`, {
      code: 'empty-base',
      hint: 'Give its ARG a default, or a value with --build-arg.',
    });
  }
  const below = dockerfile.stages.slice(0, index).findLastIndex(({ name }) => name === base.toLowerCase());
  if (below >= 0) {
    const lower = await planner.stage(below);
    const state = startFrom(lower, labelOf(stage));
    // What the image says is handed on by its own stage already: only triggers of the Dockerfile count here.
    state.triggers = [...lower.triggers];
    return state;
  }
  const later = dockerfile.stages.slice(index).find(({ name }) => name === base.toLowerCase());
  if (base === 'scratch') return emptyState(planner, stage);
  try {
    return await fromPlace(planner, stage, imagePlace(planner.options, base, from.location), base);
  } catch (error) {
    if (later === undefined) {
      const names = dockerfile.stages.slice(0, index).flatMap(({ name }) => name ?? []);
      throw withHint(error, didYouMean(base, names));
    }
    const isItself = later.index === index;
    throw blame(
      from,
      isItself ? `The stage \`${base}\` starts from itself.` : `The stage \`${base}\` comes after this one.`,
      { code: 'stage-order', hint: 'A stage starts from an image or from a stage above it.' },
    );
  }
}

/** Where a name was looked up and not found stays told: a stage's name may only look like it. */
function withHint(error: unknown, hint: string | undefined): unknown {
  if (!(error instanceof UserError) || hint === undefined) return error;
  const { code, message, exitCode, location, cause } = error;
  const hints = error.hint === undefined ? hint : `${hint} ${error.hint}`;
  return new UserError({ code, message, exitCode, cause, hint: hints, ...(location && { location }) });
}

function platformOf({ dockerfile, global, native, target }: Planner, { from }: Stage) {
  if (from.platform === undefined) return target;
  const lookup = (name: string) => global.get(name);
  const text = expandWord(from, from.platform, { escape: dockerfile.escape, lookup }).text;
  const platform = parsePlatform(text, native);
  if (platform !== undefined) return platform;
  throw blame(from, `\`${text || from.platform}\` is no platform.`, {
    code: 'bad-platform',
    hint: 'Write linux/amd64, linux/arm64 or linux/arm/v7.',
  });
}

function emptyState(planner: Planner, stage: Stage): StageState {
  return {
    label: labelOf(stage),
    top: undefined,
    platform: platformOf(planner, stage),
    config: structuredClone(emptyConfig),
    env: new Map(),
    args: [],
    history: [],
    hasOwnCmd: false,
    hasWorkdir: false,
    triggers: [],
    compute: {},
  };
}

async function fromPlace(
  planner: Planner,
  stage: Stage,
  written: Place,
  name = stage.name ?? '',
): Promise<StageState> {
  const { request, list, checker, asked } = planner;
  const { from } = stage;
  const state = emptyState(planner, stage);
  const isAsked = from.platform !== undefined || asked !== undefined;
  const place = forPlatform(written, isAsked ? state.platform : undefined);
  const described = await describeSource(request, place.source, from.location);
  if (described !== undefined) {
    state.config = structuredClone(described.config);
    if (described.author !== undefined) state.author = described.author;
    if (isAsked) {
      const { platform } = described;
      checkBasePlatform(checker, from, { image: name, expected: state.platform, actual: platform });
    } else if (!samePlatform(described.platform, state.platform)) state.platform = described.platform;
  }
  const at = { stage: state.label, title: titleOf(`FROM ${name}`), location: from.location };
  state.top = list.source(place.source, at);
  return state;
}

async function planInstruction(
  planner: Planner,
  state: StageState,
  written: StageInstruction,
  current: number,
): Promise<void> {
  const { checker, dockerfile, global, options } = planner;
  if (written.type !== 'run') refuseWishes(written);
  const onUnset = (instruction: StageInstruction, unset: ReadonlySet<string>) =>
    checkUndefined(checker, instruction, unset, {
      declared: new Set(state.args.map(({ name }) => name)),
      known: state.env.keys(),
    });
  const lookup = (name: string) => state.env.get(name);
  const { instruction, unset } = expandInstruction(written, { escape: dockerfile.escape, lookup });
  onUnset(written, unset);
  const given = options.buildArgs;
  if (configure(state, instruction, { escape: dockerfile.escape, given, global, onUnset })) return;
  if (instruction.type === 'run') await planRun(planner, state, instruction, current);
  else if (instruction.type === 'copy' || instruction.type === 'add')
    await planCopy(planner, state, instruction, current);
  else if (instruction.type === 'workdir') planWorkdir(planner, state, instruction);
}

/** Makes the folder, where the image lacks it, for the stage's user. */
function planWorkdir({ list }: Planner, state: StageState, instruction: WorkdirInstruction): void {
  const { config, label } = state;
  const path = posix.resolve('/', config.WorkingDir ?? '', instruction.path);
  config.WorkingDir = path;
  state.hasWorkdir = true;
  if (path === '/') {
    addHistory(state, 'WORKDIR /');
    return;
  }
  const owner = config.User ? { owner: { name: config.User } } : {};
  const copy = {
    from: { type: 'inline', files: [] },
    paths: [],
    dest: `${path}/`,
    ...owner,
    select: {},
  } as const;
  const title = titleOf(instruction.text);
  const { location } = instruction;
  state.top = list.add({
    stage: label,
    title,
    base: state.top,
    op: { type: 'copy', copies: [copy] },
    location,
  });
  addHistory(state, `WORKDIR ${path}`, state.top);
}
