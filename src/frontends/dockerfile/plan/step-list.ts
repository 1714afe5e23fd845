/** The steps of a plan in the making. */
import { hideLogins } from '../../../kit/url-logins.ts';
import type {
  Compute,
  Op,
  PlanLocation,
  PlanScript,
  Source,
  Step,
  StepId,
  StepWarmth,
} from '../../../plan/index.ts';

export interface NewStep {
  stage: string;
  title: string;
  base?: StepId | undefined;
  op: Op;
  location?: PlanLocation;
  internal?: boolean;
  script?: PlanScript;
  compute?: Compute;
  warm?: StepWarmth;
}

export interface StepList {
  readonly steps: readonly Step[];
  add(step: NewStep): StepId;
  /** The step that brings in a source: one for each. */
  source(source: Source, at: { stage: string; title: string; location?: PlanLocation }): StepId;
}

/** `isForced`: steps of this stage run even when their keys are known. */
export function createStepList(isForced: (stage: string) => boolean): StepList {
  const steps: Step[] = [];
  const sources = new Map<string, StepId>();
  const add = ({ base, location, internal, ...rest }: NewStep): StepId => {
    const count = steps.filter(({ stage }) => stage === rest.stage).length + 1;
    const id = `${rest.stage}.${count}` as StepId;
    steps.push({
      id,
      ...rest,
      ...(base !== undefined && { base }),
      ...(location && { location }),
      ...(internal && { internal }),
      ...(isForced(rest.stage) && rest.op.type !== 'source' && { noCache: true }),
    });
    return id;
  };
  return {
    steps,
    add,
    source(source, at) {
      const name = JSON.stringify(source);
      const known = sources.get(name) ?? add({ ...at, op: { type: 'source', source } });
      sources.set(name, known);
      return known;
    },
  };
}

/** One line of at most 100 characters, without logins. */
export function titleOf(text: string): string {
  const line = hideLogins(text).trim().replace(/\s+/g, ' ');
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}
