/**
 * What one process has under way, so that two are safe on one store and a killed one leaves only rubbish: a folder
 * run/ID/ for its files, a lock on run/ID.lock that ends with the process, and leases on the snapshots it relies on.
 */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { removeAll } from '../kit/remove.ts';
import { tryLock } from '../kit/system.ts';
import type { SnapshotId } from '../plan/index.ts';
import type { Store } from './store.ts';

export interface Run extends Disposable {
  id: string;
  /** Folder for the run's own files. */
  dir: string;
}

/** A run, for those that don't end it. */
export type RunHandle = Pick<Run, 'id' | 'dir'>;

/** A short random name: lower case letters and digits. It is no secret, and Node's cryptography takes 3 ms to load. */
export function newId(): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz234567';
  return Array.from({ length: 12 }, () => letters[Math.floor(Math.random() * letters.length)]).join('');
}

/** Begins a run of this process; dispose of it at the end. */
export function beginRun(store: Store): Run {
  const { id, dir, fd } = makeRun(store);
  return {
    id,
    dir,
    [Symbol.dispose]() {
      removeAll(dir);
      forget(store, id);
      unlinkSync(`${dir}.lock`);
      closeSync(fd);
    },
  };
}

/**
 * Begins a run that lasts as long as somebody has its lock's open file: `fd`, to be passed on to processes that live on. Close
 * it then; once nobody has it, the next sweep removes all of the run.
 */
export function beginLastingRun(store: Store): RunHandle & { fd: number } {
  return makeRun(store);
}

function makeRun(store: Store): RunHandle & { fd: number } {
  const id = newId();
  const dir = join(store.dir, 'run', id);
  // The lock is held before the name by which a sweeper looks for it exists, and the folder comes after it.
  const fd = openSync(`${dir}.new`, 'wx', 0o600);
  tryLock(fd);
  renameSync(`${dir}.new`, `${dir}.lock`);
  mkdirSync(dir);
  return { id, dir, fd };
}

/** This process, for people: the command's name alone, for its arguments may hold what nobody else is to see. */
export function processName(): string {
  const command = /^[a-z]+$/.test(process.argv[2] ?? '') ? ` ${process.argv[2]}` : '';
  return `cambium${command} (process ${process.pid})`;
}

/** Removes the rows of a run. */
function forget({ db }: Store, run: string): void {
  db.prepare('DELETE FROM leases WHERE run = ?').run(run);
  db.prepare('DELETE FROM volume_uses WHERE run = ?').run(run);
  db.prepare('DELETE FROM reservations WHERE run = ?').run(run);
  db.prepare('DELETE FROM live_builders WHERE run = ?').run(run);
}

/**
 * Calls `clean` for every run whose process is gone, with its folder, and then removes what is left of it. Costs one
 * listing of a small folder when there is nothing to do.
 */
export async function sweepRuns(
  store: Store,
  clean: (run: { id: string; dir: string }) => Promise<void>,
): Promise<string[]> {
  const swept: string[] = [];
  for (const name of readdirSync(join(store.dir, 'run'))) {
    if (name.endsWith('.new')) removeStale(join(store.dir, 'run', name));
    if (!name.endsWith('.lock')) continue;
    const id = name.slice(0, -'.lock'.length);
    const dir = join(store.dir, 'run', id);
    const fd = openIfAny(`${dir}.lock`);
    if (fd === undefined) continue;
    try {
      if (!tryLock(fd) || !isStill(fd, `${dir}.lock`)) continue;
      await clean({ id, dir });
      // Files first: on a full disk the database can't be written before.
      removeAll(dir);
      forget(store, id);
      unlinkSync(`${dir}.lock`);
      swept.push(id);
    } finally {
      closeSync(fd);
    }
  }
  return swept;
}

/** A lock that was never named: its process was killed between two system calls. */
function removeStale(path: string): void {
  const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  if (age > 60_000) rmSync(path, { force: true });
}

/** Ids of the runs whose processes live. */
export function liveRuns(store: Store): string[] {
  return readdirSync(join(store.dir, 'run'))
    .filter((name) => name.endsWith('.lock'))
    .map((name) => name.slice(0, -'.lock'.length))
    .filter((id) => isAlive(store, id));
}

/** Whether the process of a run lives. */
export function isAlive(store: Store, run: string): boolean {
  const fd = openIfAny(join(store.dir, 'run', `${run}.lock`));
  if (fd === undefined) return false;
  const isFree = tryLock(fd, 'shared');
  closeSync(fd);
  return !isFree;
}

/** Keeps a snapshot from being pruned while the run lasts; false when it is gone already. */
export function lease(store: Store, run: RunHandle, snapshot: SnapshotId): boolean {
  const added = store.db
    .prepare('INSERT OR IGNORE INTO leases (run, snapshot) SELECT ?, id FROM snapshots WHERE id = ?')
    .run(run.id, snapshot);
  if (Number(added.changes) > 0) return true;
  return store.db.prepare('SELECT 1 FROM snapshots WHERE id = ?').get(snapshot) !== undefined;
}

const lockPollMs = 15;

/**
 * Holds the lock named `name` while `body` runs. Where another process has it, calls `onWait` once and waits.
 * The lock's file is removed at the end; who waited on the removed file tries again with the new one.
 */
export async function withLock<T>(
  store: Store,
  name: string,
  options: { onWait: () => void; signal?: AbortSignal },
  body: () => Promise<T>,
): Promise<T> {
  const path = join(store.dir, 'locks', name);
  let told = false;
  for (;;) {
    options.signal?.throwIfAborted();
    const fd = openSync(path, 'a', 0o600);
    if (tryLock(fd) && isStill(fd, path)) {
      try {
        return await body();
      } finally {
        unlinkSync(path);
        closeSync(fd);
      }
    }
    closeSync(fd);
    if (!told) options.onWait();
    told = true;
    await new Promise((resolve) => setTimeout(resolve, lockPollMs));
  }
}

function isStill(fd: number, path: string): boolean {
  const named = statSync(path, { throwIfNoEntry: false });
  return named !== undefined && named.ino === fstatSync(fd).ino;
}

function openIfAny(path: string): number | undefined {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
