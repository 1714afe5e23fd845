/** What runs did with files of their base: what they have read, and what they should have read and didn't. */
import { posix } from 'node:path';
import type { Reads } from '../../store/warm.ts';
import type { TreeChange } from '../../workers/warm.ts';

/** Whether a path, or a folder above it as a whole, is among the `reads` of a part. */
export function hasRead(reads: Pick<ReadonlySet<string>, 'has'>, path: string): boolean {
  if (reads.has(path)) return true;
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
    if (reads.has(path.slice(0, at + 1))) return true;
  return false;
}

const ranks = { none: 0, changed: 1, opened: 2, started: 3 } as const;

/** `later` goes on from where `earlier` was; what is known of a path is the most that is known. `earlier` itself if that is all. */
export function mergeReads(earlier: Reads, later: Reads): Reads {
  const news = [...later].filter(([path, kind]) => ranks[kind] > ranks[earlier.get(path) ?? 'none']);
  return news.length === 0 ? earlier : new Map([...earlier, ...news]);
}

/**
 * A changed file that a run on the last result did not open, though runs before it have: what was made of that file is as
 * old as ever. A new file counts when they have opened one of its kind near it. Where nothing is known of the runs before,
 * they have opened all.
 */
export function unreadOf(
  before: Reads | undefined,
  changes: readonly TreeChange[],
  now: Reads | undefined,
): string | undefined {
  // What stays of a live run may have read it before that run began.
  if (now === undefined || now.has('/')) return undefined;
  const folders = new Set(
    changes.flatMap(({ path, kind, after }) =>
      kind === 'added' && after?.type === 'directory' ? [path] : [],
    ),
  );
  const wasRead = (path: string, isNew: boolean) => {
    if (before === undefined) return true;
    return isNew ? hasReadKind(before, path, folders) : isOpened(before, path);
  };
  return changes.find(({ path, kind, after }) => {
    if (after?.type !== 'file' || kind === 'replaced' || isOpened(now, path)) return false;
    return wasRead(path, kind === 'added');
  })?.path;
}

function isOpened(reads: Reads, path: string): boolean {
  const kind = reads.get(path);
  return kind === 'opened' || kind === 'started';
}

/** Whether some file with the same ending was opened in or below the folder that a new file, or its new folder, is in. */
function hasReadKind(reads: Reads, path: string, added: ReadonlySet<string>): boolean {
  let folder = posix.dirname(path);
  while (added.has(folder)) folder = posix.dirname(folder);
  const [above, ending] = [folder === '.' ? '' : `${folder}/`, posix.extname(path)];
  for (const read of reads.keys())
    if (read.startsWith(above) && posix.extname(read) === ending && isOpened(reads, read)) return true;
  return false;
}
