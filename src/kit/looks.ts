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
  /** Where it is faster to look for who knows what was seen before, in parts, when nothing of it was young. */
  again?(path: string, before: readonly Uint8Array[]): Again<T>;
}

/** What a further look found. */
export interface Again<T> {
  /** All that counts is as it was. */
  isSame: boolean;
  /** Called by who wants it. */
  seen(): T;
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
/** For who looks next: what was seen a moment ago, or a faster way to see it. */
const fresh = new Map<string, () => unknown>();

/** Notes from now on what is looked at; undefined where somebody does so already. */
export function beginNotes(): Notes | undefined {
  if (noting !== undefined) return undefined;
  const settled = settledBefore();
  const noted = new Map<string, Note>();
  let isYoung = false;
  const note = (way: Way<unknown>, path: string, seen: unknown) => {
    isYoung ||= way.rowsOf?.(seen).some((rows) => !rowsOlderThan(rows, settled)) ?? false;
    const name = nameOf(way, path);
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
  const name = nameOf(way, path);
  const see = fresh.get(name) as (() => T) | undefined;
  const seen = see === undefined ? way.see(path) : see();
  fresh.delete(name);
  noting?.(way as Way<unknown>, path, seen);
  return seen;
}

/** For those that look by themselves right after it. */
export function noteLook<T>(way: Way<T>, path: string): void {
  if (noting !== undefined) lookAt(way, path);
}

/**
 * Whether one sees there what was seen when it was noted: `before` are its parts. Who looks next in this process gets what this
 * saw.
 */
export function seesAgain<T>(way: Way<T>, path: string, before: readonly Uint8Array[]): boolean {
  const { isSame, seen } = way.again ? way.again(path, before) : seeAgain(way, path, before);
  fresh.set(nameOf(way, path), seen);
  return isSame;
}

function seeAgain<T>({ see, bytesOf }: Way<T>, path: string, before: readonly Uint8Array[]): Again<T> {
  const seen = see(path);
  return { isSame: sameParts(bytesOf(seen), before), seen: () => seen };
}

export function sameParts(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return (
    a.length === b.length && a.every((part, index) => Buffer.compare(part, b[index] as Uint8Array) === 0)
  );
}

/** Who looks there next in this process gains by what was seen when it was noted. */
export function recall<T>(way: Way<T>, path: string, before: readonly Uint8Array[]): void {
  const { again } = way;
  if (again !== undefined) fresh.set(nameOf(way, path), () => again(path, before).seen());
}

/** What `seesAgain` and `recall` left is too old for others from now on. */
export function forgetSeen(): void {
  fresh.clear();
}

function nameOf({ name }: { name: string }, path: string): string {
  return `${name} ${path}`;
}
