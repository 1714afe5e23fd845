/** A build file runs in this process: what is different while it does. */

const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs `body`. Signals end the process meanwhile, as a loop without an end would let none be heard; what is logged goes to standard
 * error, as standard output has what a command was asked for; and `process.exit` throws.
 */
export async function asGuest<T>(body: () => Promise<T>): Promise<T> {
  const heard = signals.map((name) => ({ name, listeners: process.listeners(name) }));
  const { exit } = process;
  const { log, info, debug } = console;
  for (const { name } of heard) process.removeAllListeners(name);
  process.exit = () => {
    throw new Error('process.exit was called: a build file ends by its last line');
  };
  Object.assign(console, { log: console.error, info: console.error, debug: console.error });
  try {
    return await body();
  } finally {
    Object.assign(console, { log, info, debug });
    process.exit = exit;
    for (const { name, listeners } of heard) for (const listener of listeners) process.on(name, listener);
  }
}
