/**
 * Notes what of the host was looked at, and what was seen: bytes that are equal as long as nothing changed. So a later process
 * can look at all of it again, and find that nothing did, without knowing what it was good for.
 */
import { type FileRows, rowsOlderThan, settledBefore } from './file-rows.ts';

/** A way to look at something of the host. */
export interface Way<T> {
  name: string;
  see(path: string): T;
  /** What was seen, in parts. */
  bytesOf(seen: T): readonly Uint8Array[];
  /** Metadata that stands for content which isn't among the bytes. */
  rowsOf?(seen: T): readonly FileRows[];
}

export interface Note {
  way: string;
  path: string;
  parts: readonly Uint8Array[];
}

/** What was looked at since it began. */
export interface Notes {
  readonly list: readonly Note[];
  /** Something changed so shortly before that it may change again and look the same. */
  readonly isYoung: boolean;
  /** Looks are noted no longer. */
  end(): void;
}

let noting: ((way: Way<unknown>, path: string, seen: unknown) => void) | undefined;
/** What was seen a moment ago, for who looks next. */
const fresh = new Map<string, unknown>();

/** Notes from now on what is looked at; undefined where somebody does so already. */
export function beginNotes(): Notes | undefined {
  if (noting !== undefined) return undefined;
  const settled = settledBefore();
  const noted = new Map<string, Note>();
  let isYoung = false;
  const note = (way: Way<unknown>, path: string, seen: unknown) => {
    isYoung ||= way.rowsOf?.(seen).some((rows) => !rowsOlderThan(rows, settled)) ?? false;
    const name = `${way.name} ${path}`;
    // What was seen first: a later change then shows.
    if (!noted.has(name)) noted.set(name, { way: way.name, path, parts: way.bytesOf(seen) });
  };
  noting = note;
  return {
    get list() {
      return [...noted.values()];
    },
    get isYoung() {
      return isYoung;
    },
    end() {
      if (noting === note) noting = undefined;
    },
  };
}

/** What is there. */
export function lookAt<T>(way: Way<T>, path: string): T {
  const name = `${way.name} ${path}`;
  const seen = fresh.has(name) ? (fresh.get(name) as T) : way.see(path);
  fresh.delete(name);
  noting?.(way as Way<unknown>, path, seen);
  return seen;
}

/** For those that look by themselves right after it. */
export function noteLook<T>(way: Way<T>, path: string): void {
  if (noting !== undefined) lookAt(way, path);
}

/**
 * Whether one sees there what was seen when it was noted: `bytes` holds its parts, which were of these lengths. Who looks next in
 * this process gets what this saw.
 */
export function seesAgain<T>(
  way: Way<T>,
  path: string,
  lengths: readonly number[],
  bytes: Uint8Array,
): boolean {
  const seen = way.see(path);
  fresh.set(`${way.name} ${path}`, seen);
  const parts = way.bytesOf(seen);
  let at = 0;
  return (
    parts.length === lengths.length &&
    parts.every((part, index) => {
      const was = bytes.subarray(at, at + (lengths[index] as number));
      at += was.length;
      return Buffer.compare(part, was) === 0;
    })
  );
}

/** What was seen by `seesAgain` is too old for others from now on. */
export function forgetSeen(): void {
  fresh.clear();
}
