/**
 * The store's database: one SQLite file in WAL mode. Its schema has a version (`user_version`); each migration
 * takes it one further, and a store that a newer Cambium wrote is refused.
 */
import { DatabaseSync } from '@photostructure/sqlite';
import { outside } from '../kit/errors.ts';
import { migrations } from './migrations.ts';

export type Database = InstanceType<typeof DatabaseSync>;
type Statement = ReturnType<Database['prepare']>;

/** How long a writer waits for another process's transaction. */
const busyTimeoutMs = 30_000;

/** Of 4 KiB; 1 MiB takes half a millisecond to read. */
const largestLogPages = 256;

/** Opens (and makes or migrates) the database at `path`. */
export function openDatabase(path: string): Database {
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;');
  // Whoever opens the database first reads the log to its end.
  database.exec(`PRAGMA wal_autocheckpoint = ${largestLogPages}`);
  migrate(database, path);
  return database;
}

function migrate(database: Database, path: string): void {
  const version = () =>
    (database.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
  if (version() === migrations.length) return;
  if (version() > migrations.length) {
    throw outside('newer-store', `The store's database ${path} was written by a newer Cambium.`, {
      hint: 'Update Cambium, or name another store with --store.',
    });
  }
  transaction(database, () => {
    // Another process may have migrated while this one waited for the write lock.
    for (let next = version(); next < migrations.length; next++) {
      database.exec(migrations[next] as string);
      database.exec(`PRAGMA user_version = ${next + 1}`);
    }
  });
}

/** Runs `body` in a write transaction: all of it or nothing. */
export function transaction<T>(database: Database, body: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = body();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

const statements = new WeakMap<Database, Map<string, Statement>>();

/** The statement, compiled once for a database: that takes longer than to find a row by its key. */
export function prepared(database: Database, sql: string): Statement {
  const known = statements.get(database) ?? new Map<string, Statement>();
  statements.set(database, known);
  const statement = known.get(sql) ?? database.prepare(sql);
  known.set(sql, statement);
  return statement;
}
