/** Checks of a whole Dockerfile, as far as its text and the build's arguments tell. */
import type { Dockerfile, Stage } from '../language/types.ts';
import type { Checker } from './checker.ts';
import { checkFroms, type FromFacts } from './from-rules.ts';
import { checkStage, type StageState } from './stage-rules.ts';
import { checkWriting } from './text-rules.ts';

export interface CheckFacts extends FromFacts {
  /** Indexes of the stages that are built; all without it. */
  stages?: ReadonlySet<number>;
  /** Whether the configuration of a stage's base image sets a SHELL; without it, none does. */
  hasImageShell?: (stage: Stage) => boolean;
}

/**
 * Runs every rule that needs neither the values of variables in stages nor base images nor the ignore file; those are
 * `checkUndefined`, `checkBasePlatform`, `checkIgnored`, `checkPorts` and `checkWorkdirPath`.
 */
export function checkDockerfile(checker: Checker, dockerfile: Dockerfile, facts: CheckFacts): void {
  checkWriting(checker, dockerfile);
  const bases = checkFroms(checker, dockerfile, facts);
  const states: StageState[] = [];
  for (const stage of dockerfile.stages) {
    const { index } = stage;
    const base = indexOfStage(dockerfile.stages.slice(0, index), bases[index]);
    const hasShell = base === undefined && (facts.hasImageShell?.(stage) ?? false);
    const inherited = base === undefined ? undefined : states[base];
    const isBuilt = facts.stages?.has(index) ?? true;
    const target = isBuilt ? checker : silent(checker);
    states.push(checkStage(target, stage, inherited ?? { hasShell, hasWorkdir: false }));
  }
}

/** The last earlier stage of that name. */
function indexOfStage(stages: readonly Stage[], base: string | undefined): number | undefined {
  const index = stages.findLastIndex(({ name }) => name !== undefined && name === base?.toLowerCase());
  return index < 0 ? undefined : index;
}

function silent(checker: Checker): Checker {
  return { ...checker, report: () => {} };
}
