/**
 * The program's two outputs: writing to them, whether they are terminals, and whether in colours. Node's own streams aren't made
 * for it: that takes 3 ms, and writing to them waits for the reader just as this does.
 */
import { fstatSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { errnoOf } from '../kit/errors.ts';
import { type Colors, createColors } from './colors.ts';

export type { Colors } from './colors.ts';

/** What can be said of an output: as of Node's streams. */
export interface Output {
  readonly isTTY: boolean;
  /** Of a terminal. */
  readonly columns: number | undefined;
}

export const standardOutput: Output = {
  get isTTY() {
    return isTerminal(1);
  },
  get columns() {
    return this.isTTY ? process.stdout.columns : undefined;
  },
};

export const standardError: Output = {
  get isTTY() {
    return isTerminal(2);
  },
  get columns() {
    return this.isTTY ? process.stderr.columns : undefined;
  },
};

/** The number of /dev/null. */
const nullDevice = 0x103;

/** Node's module for terminals is loaded only where there may be one. */
function isTerminal(fd: number): boolean {
  const stats = fstatSync(fd);
  return stats.isCharacterDevice() && stats.rdev !== nullDevice && isatty(fd);
}

/** Writes to standard output: what a command was asked for. */
export function print(text: string): void {
  write(1, text);
}

/** Writes to standard error: what is said about it. */
export function tell(text: string): void {
  write(2, text);
}

/** A reader that went away (`cambium plan | head`) is no failure: what else is written to it is dropped. */
function write(fd: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      if (errnoOf(error) === 'EPIPE') return;
      // Another program made the pipe or terminal, which it shares with us, one that doesn't wait.
      if (errnoOf(error) !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/** Colours for a stream: as NO_COLOR and FORCE_COLOR say, else when it is a terminal that knows them. */
export function colorsFor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Colors {
  return createColors(wantsColor(stream, env));
}

function wantsColor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if (env['NO_COLOR']) return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}
