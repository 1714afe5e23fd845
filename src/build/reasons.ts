/** Says in words which fact of a step changed. */
import type { InputFacts } from '../store/builds.ts';

export interface FactChange {
  name: string;
  /** Undefined: the fact is new. */
  before: string | undefined;
  /** Undefined: the fact is gone. */
  after: string | undefined;
}

export function compareFacts(before: InputFacts, after: InputFacts): FactChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names
    .filter((name) => before[name] !== after[name])
    .map((name) => ({ name, before: before[name], after: after[name] }));
}

/** A few words for progress: why a step runs now. */
export function reasonOf(before: InputFacts | undefined, after: InputFacts, isForced: boolean): string {
  if (isForced) return 'asked for by --no-cache';
  if (before === undefined) return 'it has not been built before';
  const changes = compareFacts(before, after);
  if (changes.length === 0) return 'its snapshot is not in the store any more';
  return changes.map(describeChange).join(', ');
}

function describeChange({ name }: FactChange): string {
  if (name === 'parent') return 'the step before it changed';
  if (name === 'command') return 'its command changed';
  if (name === 'format') return 'a newer Cambium makes keys in another way';
  const copied = /^copy \d+ to (?<dest>.*?): (?<path>.*)$/.exec(name)?.groups;
  if (copied) return `${copied['path'] === '.' ? copied['dest'] : copied['path']} changed`;
  const mounted = /^mount (?<target>.*)$/.exec(name)?.groups;
  if (mounted) return `what it sees at ${mounted['target']} changed`;
  return `${name} changed`;
}
