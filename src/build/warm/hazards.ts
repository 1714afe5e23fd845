/** Changes after which what a step has left behind can't be trusted: it runs from its base then. */
import { posix } from 'node:path';
import type { Reads } from '../../store/warm.ts';
import type { TreeChange } from '../../workers/warm.ts';

/**
 * Why, in words; undefined where nothing speaks against a run on the last result. `reads`: what the step did with its base;
 * of what it did with its mounts nothing is known.
 */
export function hazardIn(
  changes: readonly TreeChange[],
  mountChanges: readonly TreeChange[],
  reads: Reads | undefined,
): string | undefined {
  return firstHazard(changes, reads) ?? firstHazard(mountChanges, undefined);
}

function firstHazard(changes: readonly TreeChange[], reads: Reads | undefined): string | undefined {
  const fresh = new Set(
    changes.flatMap(({ path, kind }) => (kind === 'added' || kind === 'content' ? [path] : [])),
  );
  for (const change of changes) {
    const { path, kind, after } = change;
    // Compilers leave what they made of it.
    if (kind === 'removed' || kind === 'replaced') return `for /${path} is gone`;
    if (after?.type === 'symlink' && kind !== 'metadata' && !leadsTo(fresh, change))
      return `for what /${path} leads to may be older than what was made of it`;
    if (kind !== 'content' || after?.type !== 'file') continue;
    if (isRecipe(path)) return `for make does not see that a command in /${path} changed`;
    if (isProgram(change, reads)) return `for it ran /${path}, which changed`;
  }
  return undefined;
}

/** A link to what is itself new has a new time for whoever looks through it. */
function leadsTo(fresh: ReadonlySet<string>, { path, after }: TreeChange): boolean {
  const link = after?.link ?? '';
  const target = posix.normalize(
    link.startsWith('/') ? link.slice(1) : posix.join(posix.dirname(path), link),
  );
  return fresh.has(target);
}

/** Make compares times of files, not commands; others keep account of these. */
function isRecipe(path: string): boolean {
  return /^(GNU)?makefile(\..+)?$|\.(mk|mak)$/i.test(posix.basename(path));
}

/** What it started, or loaded into what it started. */
function isProgram({ path, before, after }: TreeChange, reads: Reads | undefined): boolean {
  if (reads !== undefined) {
    return reads.get(path) === 'started' || (reads.has(path) && /\.so(\.|$)/.test(posix.basename(path)));
  }
  // Nobody watched: what can be started was, and shells read such files.
  const isExecutable = (((before?.mode ?? 0) | (after?.mode ?? 0)) & 0o111) !== 0;
  return isExecutable || /\.(ba)?sh$/.test(path);
}
