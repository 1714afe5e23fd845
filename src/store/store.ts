/**
 * The store: one folder with everything that outlives a build.
 *
 *     cambium.db          the database
 *     snapshots/ID/       filesystems, immutable
 *     blobs/sha256/HEX    layers, configurations, manifests, uncompressed
 *     logs/BUILD/STEP.log output of every step
 *     volumes/NAME/       data with a name
 *     downloads/          files by URL, made when first needed
 *     kept/ID/            workspaces of failed steps, for `cambium shell --failed`
 *     glances/HEX         what builds with nothing to do looked at, made when first needed
 *     locks/              one file a step that is being run
 *     mountpoints/        what runs have mounts on, for images that lack it
 *     rubbish/            large trees that wait for their removal, made when first needed
 *     run/RUN/            what one process has under way; rubbish once nobody holds run/RUN/lock
 */
import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { isBtrfs, isFull } from '../kit/disk-space.ts';
import { errnoOf, explainSystemError, moreRights, outside, readOnlyDisk } from '../kit/errors.ts';
import { makeFolder } from '../kit/make-folder.ts';
import { isOnReadOnlyDisk, statIfThere } from '../kit/stat.ts';
import { distrustUnwritten } from './boots.ts';
import { type Database, openDatabase } from './database.ts';

export interface Store {
  /** Absolute host path of the folder, without links. */
  dir: string;
  db: Database;
  close(): void;
}

/** Where the store is when no one says: as the command line promises. */
export function defaultStoreDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env['CAMBIUM_STORE']) return resolve(env['CAMBIUM_STORE']);
  if (process.getuid?.() === 0) return '/var/lib/cambium';
  return join(env['XDG_DATA_HOME'] || join(homeFolder(), '.local/share'), 'cambium');
}

function homeFolder(): string {
  try {
    return homedir();
  } catch (error) {
    throw outside('no-home', 'HOME is not set, and the system knows no user of that number.', {
      hint: 'Set HOME, or name the store with --store.',
      cause: error,
    });
  }
}

const folders = ['snapshots', 'blobs/sha256', 'logs', 'volumes', 'kept', 'locks', 'run'];

/** Opens the store, making it where there is none. */
export function openStore(dir: string): Store {
  try {
    return openOrMake(dir);
  } catch (error) {
    throw storeError(error, dir);
  }
}

function openOrMake(given: string): Store {
  const isNew = statIfThere(join(given, 'cambium.db')) === undefined;
  if (isNew && statIfThere(given)?.isDirectory() === false) throw notAFolder(given);
  if (isNew) makeFolder(given, 0o711);
  // By links the kernel would know the mounts below it under other names than we do.
  const dir = realpathSync.native(given);
  if (isNew) makeFolders(dir);
  // There the database's index in memory finds no place either, and the kernel kills who writes to it.
  if (isBtrfs(dir) && isFull(dir)) {
    throw outside('no-space', `No space is left on the disk of the store ${dir}.`, {
      hint: 'Free some space on it. Then `cambium cache prune` makes more.',
    });
  }
  const db = openDatabase(join(dir, 'cambium.db'));
  try {
    distrustUnwritten(db, dir);
  } catch (error) {
    // Who can't write makes nothing of what it holds either, but may look at it.
    if (!/readonly database/i.test(String(error))) throw error;
  }
  return {
    dir,
    db,
    close: () => {
      if (db.isOpen) db.close();
    },
  };
}

/** Makes those of a store's folders that are missing. Volumes may hold setuid files that strangers wrote: no user gets there. */
export function makeFolders(dir: string): void {
  for (const folder of folders) makeFolder(join(dir, folder), folder === 'volumes' ? 0o700 : 0o711);
}

function notAFolder(dir: string, cause?: unknown): Error {
  return outside('store-not-a-folder', `The store ${dir} is not a folder, and can't be made one.`, { cause });
}

function storeError(error: unknown, dir: string): unknown {
  const code = errnoOf(error);
  const text = error instanceof Error ? error.message : String(error);
  if (code === 'ENOTDIR' || code === 'EEXIST' || code === 'ENOENT') return notAFolder(dir, error);
  if (/readonly database|unable to open/i.test(text)) {
    if (isOnReadOnlyDisk(dir)) return readOnlyDisk(`The store ${dir} is on a read-only disk.`, error);
    return outside('no-permission', `The store ${dir} can't be opened for writing.`, {
      cause: error,
      hint: moreRights(),
    });
  }
  if (/not a database|malformed|corrupt/i.test(text)) {
    return outside('broken-database', `The store's database in ${dir} is damaged: ${text}.`, {
      cause: error,
      hint: `Remove cambium.db, cambium.db-wal and cambium.db-shm there, and run \`cambium doctor --repair\`: what was built is built again.`,
    });
  }
  if (/disk is full|disk I\/O error/i.test(text)) {
    return outside('no-space', `No space is left on the disk of the store ${dir}.`, { cause: error });
  }
  return explainSystemError(error, `opening the store ${dir}`);
}
