/** How a part of a step gets its new result: kept, brought up to date, run on its last result, or run from its base. */
import type { StepWarmth } from '../../plan/index.ts';
import type { WarmPart } from '../../store/warm.ts';
import type { TreeChange } from '../../workers/warm.ts';

export type Decision =
  /** Nothing that it stands on changed. */
  | { do: 'keep' }
  /** What changed is of no concern to it: its last result gets the changes, and nothing runs. */
  | { do: 'carry' }
  | { do: 'run-on-last'; reason: string }
  | { do: 'run-on-base'; reason: string };

export interface Situation {
  /** Its last result; undefined when there is none, or when it was for another command. */
  last: WarmPart | undefined;
  warmth: StepWarmth;
  /** Between what the last result stands on and what is there now. */
  changes: readonly TreeChange[];
  /** Of what it sees in mounts. */
  mountChanges: readonly TreeChange[];
  /** Whether some part of the builder, in all it ran since it began, has read a path. */
  isReadBySome: (path: string) => boolean;
}

export function decide(situation: Situation): Decision {
  const { last, warmth, changes, mountChanges } = situation;
  if (last === undefined) return { do: 'run-on-base', reason: 'it has no last result' };
  const all = [...changes, ...mountChanges];
  if (all.length === 0) return { do: 'keep' };
  if (mountChanges.length === 0 && changes.every((change) => isOfNoConcern(situation, last, change)))
    return { do: 'carry' };
  const what = describeChanges(all);
  if (warmth.mode === 'off')
    return { do: 'run-on-base', reason: `${what}; from its base, as the build file says` };
  if (last.fitness === 'clean-only')
    return { do: 'run-on-base', reason: `${what}; from its base: ${last.reason}` };
  const gone = all.find(({ kind }) => kind === 'removed' || kind === 'replaced');
  if (gone !== undefined && warmth.mode !== 'safe')
    return { do: 'run-on-base', reason: `${what}; from its base, for /${gone.path} is gone` };
  return { do: 'run-on-last', reason: `${what}; on its last result` };
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
  if (last.reads === undefined || kind !== 'content') return false;
  if (before?.type !== 'file' || after?.type !== 'file') return false;
  const isAlike = before.mode === after.mode && before.uid === after.uid && before.gid === after.gid;
  // Whether a file is empty can be asked without opening it.
  const isAsEmpty = (before.size === 0) === (after.size === 0);
  return isAlike && isAsEmpty && !hasRead(last.reads, path) && isReadBySome(path);
}

/** Whether a path, or a folder above it as a whole, is among the `reads` of a part. */
export function hasRead(reads: ReadonlySet<string>, path: string): boolean {
  if (reads.has(path)) return true;
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
    if (reads.has(path.slice(0, at + 1))) return true;
  return false;
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
