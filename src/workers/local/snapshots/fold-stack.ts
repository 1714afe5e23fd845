/**
 * Which part of a stack is folded into one folder. A chain that grows by one is folded like a number that is counted up: so many
 * places of one level become one of the next. A stack then has some dozens of places a level, and a file is linked once a
 * level. The places at the bottom go first: what builds upon them most often is shared by most.
 */
import type { StackRow } from '../../../store/folds.ts';

/**
 * Folders of one level: the kernel takes 500 in one mount, which three levels (200,000 steps) stay well below, and asks each of them for a
 * name. What most build files give is never folded, for it has large folders at its bottom.
 */
const mostOfLevel = 64;

/** Folders that become one. */
const foldedAtOnce = 56;

export interface Range {
  rows: readonly StackRow[];
  below: readonly StackRow[];
  /** Of the fold. */
  level: number;
}

/** The places to be folded next; undefined when the stack is short enough. */
export function rangeToFold(stack: readonly StackRow[]): Range | undefined {
  for (let start = 0; start < stack.length; ) {
    const level = (stack[start] as StackRow).level;
    let end = start;
    let folders = 0;
    for (; stack[end]?.level === level; end++) folders += foldersAt(stack[end] as StackRow);
    if (folders > mostOfLevel) {
      let from = end;
      for (let taken = 0; taken < foldedAtOnce; ) taken += foldersAt(stack[--from] as StackRow);
      return { rows: stack.slice(from, end), below: stack.slice(end), level: level + 1 };
    }
    start = end;
  }
  return undefined;
}

function foldersAt({ folded, folders }: StackRow): number {
  return folded === null ? folders.length : 1;
}
