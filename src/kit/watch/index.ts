/** Hints of changes on the host: by events, or by looking where the system has no more watches to give. */
import { basename, dirname } from 'node:path';
import { isLimit, type PlaceWatch, watchPlace } from './events.ts';
import type { WatchPlace } from './places.ts';
import { pollPlaces } from './poll.ts';

export type { WatchPlace } from './places.ts';

export interface TreeWatch extends Disposable {
  /** Watches these places from now on; says whether one of them is new. Those that stay miss nothing. */
  set(places: readonly WatchPlace[]): boolean;
  /** `polling`: the system's limits leave nothing else. */
  readonly mode: 'events' | 'polling';
  /** How many folders are watched by events. */
  readonly folders: number;
}

/** Calls `onHint` with the path of what may have changed: the entry, or a folder where no more is known. */
export function watchTrees(onHint: (path: string) => void): TreeWatch {
  let places = new Map<string, WatchPlace>();
  const watches = new Map<string, PlaceWatch[]>();
  let polling: Disposable | undefined;

  const dropEvents = () => {
    for (const each of [...watches.values()].flat()) each[Symbol.dispose]();
    watches.clear();
  };
  const poll = () => {
    dropEvents();
    polling?.[Symbol.dispose]();
    polling = pollPlaces([...places.values()], onHint);
  };
  const onLost = () => {
    poll();
    // What happened since the last event is found by whoever scans now.
    for (const { path } of places.values()) onHint(path);
  };

  return {
    set(wanted) {
      const next = new Map(wanted.map((place) => [JSON.stringify(place), place]));
      const isNew = [...next.keys()].some((key) => !places.has(key));
      const isSame = !isNew && next.size === places.size;
      places = next;
      if (isSame) return false;
      if (polling) {
        poll();
        return isNew;
      }
      try {
        for (const [key, place] of next)
          if (!watches.has(key)) watches.set(key, watchWithFolder(place, onHint, onLost));
        for (const [key, own] of watches) {
          if (next.has(key)) continue;
          for (const each of own) each[Symbol.dispose]();
          watches.delete(key);
        }
      } catch (error) {
        if (!isLimit(error)) throw error;
        poll();
      }
      return isNew;
    },
    get mode() {
      return polling ? 'polling' : 'events';
    },
    get folders() {
      return [...watches.values()].flat().reduce((sum, watch) => sum + watch.folders(), 0);
    },
    [Symbol.dispose]() {
      dropEvents();
      polling?.[Symbol.dispose]();
    },
  };
}

/** A folder that is removed, or another one by its name, is told of by the folder that it is in. */
function watchWithFolder(
  place: WatchPlace,
  onHint: (path: string) => void,
  onLost: () => void,
): PlaceWatch[] {
  const watch = watchPlace(place, onHint, onLost);
  if (place.names !== undefined) return [watch];
  const outer = { path: dirname(place.path), names: [basename(place.path)] };
  const onName = (path: string) => {
    watch.refresh();
    onHint(path);
  };
  try {
    return [watch, watchPlace(outer, onName, onLost)];
  } catch (error) {
    watch[Symbol.dispose]();
    throw error;
  }
}
