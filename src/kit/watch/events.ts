/**
 * Watches a place by inotify, one watch a folder: Node's own recursive mode watches every file besides, and looks at all of
 * them first. Events are hints. What they miss does no harm as long as a scan follows the last of them: a new folder is
 * watched before it is listed, and a queue that overflowed still holds events from before, whose number tells.
 */
import { type FSWatcher, watch as fsWatch, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { errnoOf } from '../errors.ts';
import type { IgnoreMatch } from '../ignore.ts';
import { decodeName, fsPath } from '../names.ts';
import { joinPath } from '../walk.ts';
import { type Judge, judgeOf, type WatchPlace } from './places.ts';

export interface PlaceWatch extends Disposable {
  /** Folders that are watched. */
  folders(): number;
  /** Looks whether the place is there, and the folder that it was. */
  refresh(): void;
}

interface Watched {
  watcher: FSWatcher;
  inode: bigint;
  match: IgnoreMatch;
}

/** No more watches or instances are to be had: limits of the system. */
export function isLimit(error: unknown): boolean {
  return ['ENOSPC', 'EMFILE', 'ENFILE', 'ENOSYS'].includes(errnoOf(error) ?? '');
}

/**
 * Calls `onHint` with the absolute path of an entry that may have changed. Throws where no watch is to be had (`isLimit`);
 * `onLost` is called when that happens later.
 */
export function watchPlace(
  place: WatchPlace,
  onHint: (path: string) => void,
  onLost: () => void,
): PlaceWatch {
  const { top, judge }: Judge = judgeOf(place);
  /** By path relative to the place. */
  const watched = new Map<string, Watched>();
  const overflow = overflowGuard(() => {
    onHint(place.path);
    addBelow('', top);
  });

  const hostOf = (path: string) => (path === '' ? place.path : joinPath(place.path, path));

  const drop = (path: string) => {
    for (const [other, { watcher }] of watched) {
      if (other !== path && path !== '' && !other.startsWith(`${path}/`)) continue;
      watcher.close();
      watched.delete(other);
    }
  };

  /** Watches a folder and those below it. Folders that are watched already are only looked into. */
  const addBelow = (path: string, match: IgnoreMatch): void => {
    // The place itself may be a link; links below it are entries like others.
    const look = path === '' ? statSync : lstatSync;
    const stats = look(fsPath(hostOf(path)), { bigint: true, throwIfNoEntry: false });
    const before = watched.get(path);
    if (before !== undefined && before.inode !== stats?.ino) drop(path);
    if (!stats?.isDirectory()) return;
    if (!watched.has(path) && !add(path, stats.ino, match)) return;
    for (const name of foldersIn(hostOf(path))) {
      const child = joinPath(path, name);
      const judged = judge(child, match);
      if (judged.descend) addBelow(child, judged.match);
    }
  };

  const add = (path: string, inode: bigint, match: IgnoreMatch): boolean => {
    try {
      const watcher = fsWatch(fsPath(hostOf(path)), { encoding: 'buffer' }, (type, name) =>
        onEvent(path, type, name),
      );
      // It ends when its folder is removed, of which the folder above tells.
      watcher.on('error', () => drop(path));
      watched.set(path, { watcher, inode, match });
      return true;
    } catch (error) {
      if (isLimit(error)) throw error;
      // Gone again, or not ours to read: then a build can't read it either.
      return false;
    }
  };

  const onEvent = (folder: string, type: string, name: Buffer | null) => {
    const match = watched.get(folder)?.match;
    if (match === undefined) return;
    overflow.count();
    if (name === null) {
      onHint(hostOf(folder));
      return;
    }
    const child = joinPath(folder, decodeName(name));
    const judged = judge(child, match);
    try {
      // `rename` stands for all that changes a name: made, removed, moved.
      if (type === 'rename' && judged.descend) addBelow(child, judged.match);
    } catch (error) {
      if (!isLimit(error)) throw error;
      onLost();
    }
    if (judged.isHint) onHint(hostOf(child));
  };

  try {
    addBelow('', top);
  } catch (error) {
    drop('');
    throw error;
  }
  return {
    folders: () => watched.size,
    refresh: () => addBelow('', top),
    [Symbol.dispose]: () => {
      overflow.stop();
      drop('');
    },
  };
}

function foldersIn(path: string): string[] {
  try {
    return readdirSync(fsPath(path), { encoding: 'buffer', withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => decodeName(entry.name));
  } catch {
    return [];
  }
}

/** Half of what the kernel's queue takes: so many events at once may be what is left of more. */
function queueLength(): number {
  try {
    return Math.max(1, Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8')) / 2);
  } catch {
    return 4096;
  }
}

/** Node reads the queue until it is empty, and tells of no overflow: so events without a pause are counted. */
function overflowGuard(onOverflow: () => void) {
  const limit = queueLength();
  let events = 0;
  let pause: NodeJS.Immediate | undefined;
  return {
    count() {
      events += 1;
      pause ??= setImmediate(() => {
        const isMany = events >= limit;
        events = 0;
        pause = undefined;
        if (isMany) onOverflow();
      });
    },
    stop() {
      if (pause) clearImmediate(pause);
    },
  };
}
