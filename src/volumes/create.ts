/** Making and removing volumes: whole or not at all. */
import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, UserError, wrongUse } from '../kit/errors.ts';
import { lstatIfAny } from '../kit/walk.ts';
import { transaction } from '../store/database.ts';
import { newId, type RunHandle } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import { limitTree } from './limits.ts';
import { checkName, volumeDir } from './names.ts';
import { deleteRow, findVolume, hasFolder, insertVolume, unknownVolume, type Volume } from './rows.ts';
import { dropTree, makeTree } from './trees.ts';
import { inUse, liveUses } from './uses.ts';

export interface NewVolume {
  name: string;
  kind?: Volume['kind'];
  /** What it is made from, for people. */
  origin?: string;
  /** The most that it may hold, where the file system can keep to it. */
  limitBytes?: number;
  /** Makes its data's folder, in place of an empty one. */
  make?: (root: string) => Promise<void> | void;
}

/**
 * Makes a volume in a folder of the run, calls `fill` with its data's folder, and puts it in its place. Throws
 * `volume-exists` when there is one of that name, before and after.
 */
export async function createVolume(
  store: Store,
  run: RunHandle,
  { name, kind = 'user', origin = '', limitBytes, make = makeTree }: NewVolume,
  fill: (root: string) => Promise<void> | void = () => {},
): Promise<void> {
  checkName(name);
  if (findVolume(store, name) !== undefined && hasFolder(store, name)) throw exists(name);
  const half = join(run.dir, newId());
  const root = join(half, 'fs');
  mkdirSync(half, 0o711);
  try {
    await make(root);
    if (limitBytes !== undefined) limitTree(root, limitBytes);
    await fill(root);
    transaction(store.db, () => {
      place(half, volumeDir(store, name), name);
      // The row of one whose files are gone.
      deleteRow(store, name);
      insertVolume(store, { name, kind, origin, limitBytes: limitBytes ?? null, createdMs: Date.now() });
    });
  } finally {
    dropVolumeFolder(half);
  }
}

/** Makes a volume unless there is one of that name; says whether it did. */
export async function ensureVolume(
  store: Store,
  run: RunHandle,
  volume: NewVolume,
  fill?: (root: string) => Promise<void> | void,
): Promise<boolean> {
  if (findVolume(store, volume.name) !== undefined && hasFolder(store, volume.name)) return false;
  try {
    await createVolume(store, run, volume, fill);
    return true;
  } catch (error) {
    // Another process was faster.
    if (error instanceof UserError && error.code === 'volume-exists') return false;
    throw error;
  }
}

function place(half: string, dir: string, name: string): void {
  try {
    renameSync(half, dir);
  } catch (error) {
    if (errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'EEXIST') throw exists(name);
    throw error;
  }
}

function exists(name: string) {
  return wrongUse('volume-exists', `There is a volume \`${name}\` already.`, {
    hint: `Choose another name, or remove it with \`cambium volume rm ${name}\`.`,
  });
}

/**
 * Removes volumes with their snapshots: all of them, or none when one is unknown or in use. `ifAny`: unknown ones are
 * passed over. Returns the names of those that were there.
 */
export function removeVolumes(
  store: Store,
  run: RunHandle,
  names: readonly string[],
  { ifAny = false }: { ifAny?: boolean } = {},
): string[] {
  const found = [...new Set(names)].filter((name) => {
    const isThere = findVolume(store, name) !== undefined;
    if (!isThere && !ifAny) throw unknownVolume(name);
    return isThere;
  });
  const moved = transaction(store.db, () => {
    for (const name of found) {
      const users = liveUses(store, name);
      if (users.length > 0) throw inUse(name, users);
    }
    return found.map((name) => {
      const gone = join(run.dir, newId());
      deleteRow(store, name);
      // Still under the database's lock, so that nobody adopts the folder. From here on a sweep removes it.
      if (lstatIfAny(volumeDir(store, name)) !== undefined) renameSync(volumeDir(store, name), gone);
      return gone;
    });
  });
  for (const dir of moved) dropVolumeFolder(dir);
  return found;
}

/** Removes a volume's folder that is no volume any more, or not yet. */
function dropVolumeFolder(dir: string): void {
  const snapshots = join(dir, 'snapshots');
  for (const name of lstatIfAny(snapshots) === undefined ? [] : readdirSync(snapshots))
    dropTree(join(snapshots, name, 'fs'));
  if (lstatIfAny(join(dir, 'fs')) !== undefined) dropTree(join(dir, 'fs'));
  dropTree(dir);
}
