/** How a part of a step gets its new result: kept, brought up to date, run on its last result, or run from its base. */
import type { StepWarmth } from '../../plan/index.ts';
import type { WarmPart } from '../../store/warm.ts';
import type { TreeChange } from '../../workers/warm.ts';
import { hazardIn } from './hazards.ts';
import { hasRead } from './reads.ts';

export type Decision =
  /** Nothing that it stands on changed. */
  | { do: 'keep' }
  /** What changed is of no concern to it: its last result gets the changes, and nothing runs. */
  | { do: 'carry' }
  /** `what`: the changes alone. */
  | { do: 'run-on-last'; reason: string; what: string }
  | { do: 'run-on-base'; reason: string };

export interface Situation {
  /** Its last result; undefined when there is none, or when it was for another command. */
  last: WarmPart | undefined;
  warmth: StepWarmth;
  /** Of what it runs on now. */
  lineage: string;
  /** Between what the last result stands on and what is there now. */
  changes: readonly TreeChange[];
  /** Of what it sees in mounts. */
  mountChanges: readonly TreeChange[];
  /** Of the root folder that it runs in, where that isn't its base; of what its caches begin with. */
  toolChanges: readonly TreeChange[];
  /** Whether some part of the builder, in all it ran since it began, has read a path. */
  isReadBySome: (path: string) => boolean;
}

export function decide(situation: Situation): Decision {
  const { last, warmth, changes, mountChanges, toolChanges } = situation;
  if (last === undefined) return { do: 'run-on-base', reason: 'it has no last result' };
  const all = [...changes, ...mountChanges, ...toolChanges];
  if (all.length === 0) return { do: 'keep' };
  const isOfSameLineage = last.lineage === situation.lineage && toolChanges.length === 0;
  if (
    isOfSameLineage &&
    mountChanges.length === 0 &&
    changes.every((change) => isOfNoConcern(situation, last, change))
  )
    return { do: 'carry' };
  const what = describeChanges(all);
  if (warmth.mode === 'off')
    return { do: 'run-on-base', reason: `${what}; from its base, as the build file says` };
  if (last.fitness === 'clean-only')
    return { do: 'run-on-base', reason: `${what}; from its base: ${last.reason}` };
  if (!isOfSameLineage)
    return {
      do: 'run-on-base',
      reason: `${what}; from its base, for what it stands on comes from other instructions`,
    };
  const hazard = warmth.mode === 'safe' ? undefined : hazardIn(changes, mountChanges, last.reads);
  if (hazard !== undefined) return { do: 'run-on-base', reason: `${what}; from its base, ${hazard}` };
  return { do: 'run-on-last', reason: `${what}; on its last result`, what };
}

/**
 * Only new content of a file that the part never opened, nor touched in another way, while another part reads it. What
 * nobody reads may be looked at by its time alone, as make does: then all run.
 */
function isOfNoConcern(
  { isReadBySome }: Situation,
  last: WarmPart,
  { path, kind, before, after }: TreeChange,
): boolean {
  // What stays of a live run may read anything.
  if (last.reads === undefined || last.reads.has('/') || kind !== 'content') return false;
  if (before?.type !== 'file' || after?.type !== 'file') return false;
  const isAlike = before.mode === after.mode && before.uid === after.uid && before.gid === after.gid;
  // Whether a file is empty can be asked without opening it.
  const isAsEmpty = (before.size === 0) === (after.size === 0);
  return isAlike && isAsEmpty && !hasRead(last.reads, path) && isReadBySome(path);
}

const verbs = {
  added: 'is new',
  removed: 'is gone',
  replaced: 'is something else',
  content: 'changed',
  metadata: 'changed its mode or owner',
} as const;

/** `/src/main.c changed`, with a count of further ones. */
export function describeChanges(changes: readonly TreeChange[]): string {
  const files = changes.filter(({ after, before }) => (after ?? before)?.type !== 'directory');
  const shown = files.length > 0 ? files : changes;
  const [first] = shown;
  if (first === undefined) return 'nothing changed';
  const more = shown.length > 1 ? ` and ${shown.length - 1} more` : '';
  return `/${first.path} ${verbs[first.kind]}${more}`;
}
