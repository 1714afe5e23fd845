/**
 * Whether a tool may know a file by its time in whole seconds: such a tool (Python beside its compiled files, rsync) takes a second edit
 * within one second, to a text of the same length, for the first. It has written that time down then, as a number or as the time of a
 * file of its own: in something that was made since.
 */
import { readFileSync } from 'node:fs';
import type { SnapshotId } from '../../../plan/index.ts';
import { lineageOf } from '../../../store/snapshots.ts';
import type { Store } from '../../../store/store.ts';
import type { Snapshots } from '../snapshots/registry.ts';

export interface SeenFile {
  path: string;
  size: number;
  mtimeNs: bigint;
}

const secondNs = 1_000_000_000n;
/** Who made more since is not looked into: it may. */
const mostBytes = 16 * 1024 * 1024;

/** Asks of files that the runs up to the last result `result` have seen, and that were the last to be changed there. */
export function wholeSecondsIn(
  { store, snapshots }: { store: Store; snapshots: Snapshots },
  result: SnapshotId,
): (file: SeenFile) => boolean {
  const known = new Map<bigint, Traces>();
  return ({ path, size, mtimeNs }) => {
    const second = mtimeNs / secondNs;
    const traces = known.get(second) ?? tracesOf(store, snapshots, result, second);
    known.set(second, traces);
    return traces.isNamed || traces.copies.some((copy) => copy.path !== path && copy.size === size);
  };
}

interface Traces {
  /** The second stands in some file. */
  isNamed: boolean;
  /** Files whose own time lies in it. */
  copies: { path: string; size: number }[];
}

function tracesOf(store: Store, snapshots: Snapshots, result: SnapshotId, second: bigint): Traces {
  const traces: Traces = { isNamed: false, copies: [] };
  const isWritten = writtenForms(second);
  let bytes = 0;
  for (const { id, createdMs } of lineageOf(store.db, result)) {
    // What was made before the file got its time knows nothing of it.
    if (BigInt(createdMs) < second * 1000n) break;
    for (const change of snapshots.changes(id)) {
      if (change.kind !== 'present' || change.entry.type !== 'file') continue;
      const { path, size, mtimeNs } = change.entry;
      if (mtimeNs / secondNs === second) traces.copies.push({ path, size });
      bytes += size;
      traces.isNamed ||= bytes > mostBytes || isWritten(readFileSync(change.content));
      if (traces.isNamed) return traces;
    }
  }
  return traces;
}

/** As four bytes in either order, or as digits that are a number of their own: longer ones tell parts of a second too. */
function writtenForms(second: bigint): (content: Buffer) => boolean {
  const [little, big] = [Buffer.alloc(4), Buffer.alloc(4)];
  little.writeUInt32LE(Number(second & 0xffff_ffffn));
  big.writeUInt32BE(Number(second & 0xffff_ffffn));
  const digits = [second.toString(), second.toString(8)].map(
    (text) => new RegExp(`(?<![0-9])${text}(?![0-9])`),
  );
  return (content) => {
    if (content.includes(little) || content.includes(big)) return true;
    const text = content.toString('latin1');
    return digits.some((number) => number.test(text));
  };
}
