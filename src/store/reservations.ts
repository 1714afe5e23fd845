/**
 * Who has how much of the machine's cores and memory. A reservation is a row that names the run of a process; it counts
 * while that process lives. What isn't free is waited for in the order of asking: one may pass others that wait only where
 * it takes nothing from them, so nobody waits for ever. It is taken whole or not at all, so no two wait for each other.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { transaction } from './database.ts';
import { isAlive, processName, type RunHandle } from './runs.ts';
import type { Store } from './store.ts';

export interface Amount {
  /** Cores, may be a fraction. */
  cpus: number;
  memoryBytes: number;
}

export interface ReserveOptions {
  signal?: AbortSignal | undefined;
  /** Called once, with what is in the way, when it has to wait. */
  onWait: (inTheWay: { free: Amount; users: string }) => void;
  /** Asked while it waits: whether nobody needs it any more. It is then given up. */
  isOver?: () => boolean;
}

interface Row extends Amount {
  position: number;
  run: string;
  granted: number;
  user: string;
}

const pollMs = 40;

/** Takes `amount` of `budget`, which is at least that, until it is disposed of. Undefined when it was given up. */
export async function reserve(
  store: Store,
  run: RunHandle,
  amount: Amount,
  budget: Amount,
  { signal, onWait, isOver }: ReserveOptions,
): Promise<Disposable | undefined> {
  const { db } = store;
  signal?.throwIfAborted();
  const position = ask(store, run, amount, budget);
  const end = () => db.prepare('DELETE FROM reservations WHERE position = ?').run(position);
  try {
    for (let isTold = false; !isGranted(store, position); isTold = true) {
      if (!isTold) onWait(inTheWayOf(store, position, budget));
      await sleep(pollMs, undefined, { signal });
      if (isOver?.()) {
        end();
        return undefined;
      }
      // Looked at without a lock first: most of the time nothing has changed.
      if (fits(store, position, amount, budget)) grant(store, position, amount, budget);
    }
  } catch (error) {
    end();
    throw error;
  }
  return { [Symbol.dispose]: end };
}

function ask(store: Store, run: RunHandle, amount: Amount, budget: Amount): number {
  const { db } = store;
  return transaction(db, () => {
    removeDead(store);
    const { lastInsertRowid } = db
      .prepare('INSERT INTO reservations (run, cpus, memory_bytes, granted, user) VALUES (?, ?, ?, 0, ?)')
      .run(run.id, amount.cpus, amount.memoryBytes, processName());
    const position = Number(lastInsertRowid);
    if (fits(store, position, amount, budget)) setGranted(store, position);
    return position;
  });
}

function grant(store: Store, position: number, amount: Amount, budget: Amount): void {
  transaction(store.db, () => {
    if (fits(store, position, amount, budget)) setGranted(store, position);
  });
}

function setGranted({ db }: Store, position: number): void {
  db.prepare('UPDATE reservations SET granted = 1 WHERE position = ?').run(position);
}

function isGranted({ db }: Store, position: number): boolean {
  return db.prepare('SELECT 1 FROM reservations WHERE position = ? AND granted').get(position) !== undefined;
}

/** Whether it can be had beside all that is granted, and all that was asked for earlier. */
function fits(store: Store, position: number, amount: Amount, budget: Amount): boolean {
  const before = liveRows(store).filter((row) => row.position !== position && isBefore(row, position));
  const free = lessThan(budget, before);
  return amount.cpus <= free.cpus + 1e-9 && amount.memoryBytes <= free.memoryBytes;
}

function isBefore(row: Row, position: number): boolean {
  return row.granted === 1 || row.position < position;
}

function inTheWayOf(store: Store, position: number, budget: Amount): { free: Amount; users: string } {
  const before = liveRows(store).filter((row) => row.position !== position && isBefore(row, position));
  const free = lessThan(
    budget,
    before.filter(({ granted }) => granted === 1),
  );
  return { free, users: [...new Set(before.map(({ user }) => user))].join(', ') };
}

function lessThan(budget: Amount, rows: readonly Amount[]): Amount {
  const left = (total: number, field: keyof Amount) =>
    Math.max(
      0,
      rows.reduce((rest, row) => rest - row[field], total),
    );
  return { cpus: left(budget.cpus, 'cpus'), memoryBytes: left(budget.memoryBytes, 'memoryBytes') };
}

function allRows({ db }: Store): Row[] {
  return db
    .prepare(
      'SELECT position, run, cpus, memory_bytes AS memoryBytes, granted, user FROM reservations ORDER BY position',
    )
    .all() as unknown as Row[];
}

function liveRows(store: Store): Row[] {
  const rows = allRows(store);
  const live = new Map<string, boolean>();
  for (const { run } of rows) if (!live.has(run)) live.set(run, isAlive(store, run));
  return rows.filter(({ run }) => live.get(run));
}

function removeDead(store: Store): void {
  const live = new Set(liveRows(store).map(({ position }) => position));
  for (const { position } of allRows(store))
    if (!live.has(position)) store.db.prepare('DELETE FROM reservations WHERE position = ?').run(position);
}
