/** What the parts of the planner share: the file, the flags, and the way from a name to what it stands for. */

import { didYouMean } from '../../../kit/suggest.ts';
import type { CopySource, Platform, StepId } from '../../../plan/index.ts';
import type { PlanRequest } from '../../request.ts';
import type { Checker } from '../checks/checker.ts';
import { blame } from '../language/complain.ts';
import type { Dockerfile, InstructionBase, Stage } from '../language/types.ts';
import type { DockerfileOptions } from '../request.ts';
import { describeSource, forPlatform, imagePlace, namedContext, type Place } from './places.ts';
import type { StageState } from './state.ts';
import { type StepList, titleOf } from './step-list.ts';

export interface Planner {
  request: PlanRequest;
  options: DockerfileOptions;
  dockerfile: Dockerfile;
  list: StepList;
  checker: Checker;
  /** Values of global and predefined arguments. */
  global: ReadonlyMap<string, string>;
  /** This machine's platform. */
  native: Platform;
  /** That of `--platform`. */
  asked: Platform | undefined;
  /** That of the image: what is asked for, or this machine's. */
  target: Platform;
  /** Patterns of the main context's ignore file. */
  ignore: readonly string[];
  /** Plans a stage with all that it needs; each once. */
  stage(index: number): Promise<StageState>;
}

/** What `--from` names: a folder of the host, or a step. */
export type From =
  | { type: 'folder'; source: CopySource & { type: 'folder' } }
  | { type: 'step'; step: StepId };

/** A stage by name or number, else a context, else an image. `current`: index of the stage that asks. */
export async function resolveFrom(
  planner: Planner,
  name: string,
  at: { instruction: InstructionBase; current: number; label: string },
): Promise<From> {
  const { instruction, current, label } = at;
  const { stages } = planner.dockerfile;
  const index = /^\d+$/.test(name)
    ? Number(name)
    : stages.findLastIndex((stage) => stage.name === name.toLowerCase());
  if (/^\d+$/.test(name) && index >= stages.length) {
    throw blame(
      instruction,
      `There is no stage ${name}: the Dockerfile has ${stages.length}, counted from 0.`,
      {
        code: 'missing-stage',
      },
    );
  }
  if (index >= 0) {
    if (index >= current) throw comesLater(instruction, stages[index] as Stage, index === current);
    return { type: 'step', step: rootOf(planner, await planner.stage(index)) };
  }
  if (name === 'scratch') return { type: 'step', step: emptyStep(planner, label) };
  const place = forPlatform(imagePlace(planner.options, name, instruction.location), planner.asked);
  return fromPlace(planner, place, name, at);
}

async function fromPlace(
  planner: Planner,
  place: Place,
  name: string,
  { instruction, label }: { instruction: InstructionBase; label: string },
): Promise<From> {
  if (place.folder) return { type: 'folder', source: place.folder };
  try {
    await describeSource(planner.request, place.source, instruction.location);
  } catch (error) {
    const names = planner.dockerfile.stages.flatMap((stage) => stage.name ?? []);
    const meant = didYouMean(name, names);
    if (meant === undefined) throw error;
    throw blame(instruction, `There is no stage, context or image \`${name}\`.`, {
      code: 'missing-stage',
      hint: meant,
    });
  }
  const title = titleOf(`FROM ${name}`);
  return {
    type: 'step',
    step: planner.list.source(place.source, { stage: label, title, location: instruction.location }),
  };
}

function comesLater(instruction: InstructionBase, stage: Stage, isItself: boolean) {
  const name = stage.name ?? String(stage.index);
  return blame(
    instruction,
    isItself
      ? `The stage \`${name}\` can't take anything from itself.`
      : `The stage \`${name}\` comes after this one.`,
    { code: 'stage-order', hint: 'A stage takes from stages above it: move it up.' },
  );
}

/** The step with a stage's filesystem. */
export function rootOf(planner: Planner, state: StageState): StepId {
  state.top ??= emptyStep(planner, state.label);
  return state.top;
}

/** A step with nothing. */
export function emptyStep({ list }: Planner, stage: string): StepId {
  const copy = { from: { type: 'inline', files: [] }, paths: [], dest: '/', select: {} } as const;
  return list.add({ stage, title: 'FROM scratch', op: { type: 'copy', copies: [copy] } });
}

/** The main context: a folder, a step that brings it in, or nothing. */
export function mainContext(
  { options, list, ignore }: Planner,
  instruction: InstructionBase,
  label: string,
): From {
  const { context } = options;
  if (context.type === 'folder') {
    const source = { type: 'folder', path: context.path, ...(ignore.length > 0 && { ignore }) } as const;
    return { type: 'folder', source };
  }
  if (context.type === 'none') {
    throw blame(instruction, 'The build has no context: its Dockerfile came alone on standard input.', {
      code: 'missing-context',
      hint: 'Name a folder, with the Dockerfile as a file of its own: cambium build -f - FOLDER',
    });
  }
  return { type: 'step', step: list.source(context.source, { stage: label, title: 'context' }) };
}

/** A stage whose name is that of a context is replaced by it. */
export function contextOfStage({ options }: Planner, stage: Stage): Place | undefined {
  return stage.name === undefined ? undefined : namedContext(options, stage.name, stage.from.location);
}
