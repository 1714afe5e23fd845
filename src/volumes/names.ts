/** How volumes are called, and where they lie in the store. */
import { join, posix } from 'node:path';
import { wrongUse } from '../kit/errors.ts';
import type { Store } from '../store/store.ts';

const pattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const longest = 200;

/** Throws unless `name` can be one of a volume, or of a snapshot of one: letters, digits, `_`, `.` and `-`. */
export function checkName(name: string, what: 'volume' | 'snapshot' = 'volume'): void {
  if (pattern.test(name) && name.length <= longest) return;
  const why =
    name.length > longest
      ? `it is longer than ${longest} characters`
      : 'it begins with a letter or digit, and has only letters, digits, `_`, `.` and `-`';
  throw wrongUse(`bad-${what}-name`, `\`${name}\` can't be the name of a ${what}: ${why}.`);
}

/** A place in a volume, or in a snapshot of one. */
export interface VolumePlace {
  name: string;
  snapshot?: string;
  /** Absolute path in it. */
  path: string;
}

/** Reads `NAME[@SNAPSHOT][:PATH]`. */
export function parsePlace(text: string): VolumePlace {
  const colon = text.indexOf(':');
  return placeOf(colon === -1 ? text : text.slice(0, colon), colon === -1 ? '' : text.slice(colon + 1));
}

const scheme = 'volume://';

/** Reads `volume://NAME[@SNAPSHOT][/PATH]`; undefined for all else. */
export function parseVolumeUrl(text: string): VolumePlace | undefined {
  if (!text.startsWith(scheme)) return undefined;
  const rest = text.slice(scheme.length);
  const slash = rest.indexOf('/');
  return placeOf(slash === -1 ? rest : rest.slice(0, slash), slash === -1 ? '' : rest.slice(slash));
}

function placeOf(volume: string, path: string): VolumePlace {
  const at = volume.indexOf('@');
  const name = at === -1 ? volume : volume.slice(0, at);
  checkName(name);
  // As if the volume were the root: `..` stops there.
  const place = { name, path: posix.resolve('/', path) };
  if (at === -1) return place;
  const snapshot = volume.slice(at + 1);
  checkName(snapshot, 'snapshot');
  return { ...place, snapshot };
}

/** A place as people write it: `NAME[@SNAPSHOT][:PATH]`. */
export function shownPlace({ name, snapshot, path }: VolumePlace): string {
  return `${name}${snapshot === undefined ? '' : `@${snapshot}`}${path === '/' ? '' : `:${path}`}`;
}

/**
 * Folder of a volume: `fs/` has the data, `snapshots/SNAPSHOT/fs/` those of its snapshots, and `layers/` with `state`
 * what forks of a cache have changed, until that is folded into `fs/`.
 */
export function volumeDir(store: Store, name: string): string {
  return join(store.dir, 'volumes', name);
}

export function dataDir(store: Store, name: string): string {
  return join(volumeDir(store, name), 'fs');
}

export function snapshotDir(store: Store, name: string, snapshot: string): string {
  return join(volumeDir(store, name), 'snapshots', snapshot);
}
