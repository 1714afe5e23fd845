/**
 * Who uses a volume now, and how. A use is a row that names the run of a process; it counts while that process lives, so
 * that a killed one holds nothing. Uses that would spoil each other take turns.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { wrongUse } from '../kit/errors.ts';
import { transaction } from '../store/database.ts';
import { isAlive, newId, processName, type RunHandle } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import { requireVolume } from './rows.ts';

/**
 * `read` and `write` work on the data in place, several at once. `still`: reads what nobody may write meanwhile.
 * `fork` works on a copy-on-write fork, which may replace the data. `alone` shares with nobody.
 */
export type UseMode = 'read' | 'write' | 'still' | 'fork' | 'alone';

const together: Readonly<Record<UseMode, readonly UseMode[]>> = {
  read: ['read', 'write', 'still'],
  write: ['read', 'write'],
  still: ['read', 'still'],
  fork: ['fork'],
  alone: [],
};

export interface LiveUse {
  id: string;
  mode: UseMode;
  /** For people: `cambium run (process 4711)`. */
  user: string;
}

/** Uses of processes that live. */
export function liveUses(store: Store, name: string): LiveUse[] {
  const rows = store.db
    .prepare('SELECT id, run, mode, user FROM volume_uses WHERE volume = ?')
    .all(name) as unknown as (LiveUse & { run: string })[];
  return rows.filter(({ run }) => isAlive(store, run)).map(({ id, mode, user }) => ({ id, mode, user }));
}

export interface WaitOptions {
  signal?: AbortSignal | undefined;
  /** Called once, with who has it, when it has to be waited for. */
  onWait?: ((users: string) => void) | undefined;
}

export interface Use extends Disposable {
  readonly id: string;
}

const pollMs = 40;

/** Marks a volume as used until the use is disposed of. `wait` undefined: throws when others are in the way. */
export async function beginUse(
  store: Store,
  run: RunHandle,
  name: string,
  mode: UseMode,
  wait?: WaitOptions,
): Promise<Use> {
  for (let isTold = false; ; isTold = true) {
    wait?.signal?.throwIfAborted();
    const result = tryUse(store, run, name, mode);
    if ('use' in result) return result.use;
    if (wait === undefined) throw inUse(name, result.users);
    if (!isTold) wait.onWait?.(shownUsers(result.users));
    await sleep(pollMs, undefined, { signal: wait.signal });
  }
}

/** Marks a volume as used, unless others are in the way: then says who. */
function tryUse(
  store: Store,
  run: RunHandle,
  name: string,
  mode: UseMode,
): { use: Use } | { users: readonly LiveUse[] } {
  const { db } = store;
  requireVolume(store, name);
  const id = newId();
  const users = transaction(db, () => {
    // Under the transaction's lock: a volume that is being removed has no row any more.
    requireRow(store, name);
    const others = liveUses(store, name).filter((use) => !together[mode].includes(use.mode));
    if (others.length > 0) return others;
    db.prepare('INSERT INTO volume_uses (id, run, volume, mode, user) VALUES (?, ?, ?, ?, ?)').run(
      id,
      run.id,
      name,
      mode,
      processName(),
    );
    db.prepare('UPDATE volumes SET last_used_ms = ? WHERE name = ?').run(Date.now(), name);
    return [];
  });
  if (users.length > 0) return { users };
  const end = () => {
    db.prepare('DELETE FROM volume_uses WHERE id = ?').run(id);
    db.prepare('UPDATE volumes SET last_used_ms = ? WHERE name = ?').run(Date.now(), name);
  };
  return { use: { id, [Symbol.dispose]: end } };
}

function requireRow({ db }: Store, name: string): void {
  if (db.prepare('SELECT 1 FROM volumes WHERE name = ?').get(name) === undefined)
    throw wrongUse('unknown-volume', `The volume ${name} was removed just now.`);
}

export function inUse(name: string, users: readonly LiveUse[]) {
  return wrongUse('volume-in-use', `The volume ${name} is in use by ${shownUsers(users)}.`, {
    hint: 'Wait until that ends, or stop it.',
  });
}

function shownUsers(users: readonly LiveUse[]): string {
  return [...new Set(users.map(({ user }) => user))].join(', ');
}
