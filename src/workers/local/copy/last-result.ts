/** Whole results of copies: what was copied there, and what is different now. */
import type { SnapshotId } from '../../../plan/index.ts';
import type { Database } from '../../../store/database.ts';
import {
  decodeLine,
  diffTrees,
  type Listed,
  listedOf,
  readManifest,
  readTree,
} from '../../../store/manifests.ts';
import { findSnapshot } from '../../../store/snapshots.ts';
import {
  type CopyInput,
  type CopyInputSource,
  compareTargets,
  type Difference,
  type InlineEntry,
  type ListingOf,
  type Target,
  type TargetList,
} from './targets.ts';

/** A difference of more than this part of all entries is not worth stacking: the copy is made anew. */
const largestDifference = 0.2;
/** Results with fewer entries are as soon made anew. */
const fewestEntries = 50;

/** What one copy of a whole result took; kept as JSON. */
interface CopiedThen {
  sources: { name: string; isArchive: boolean; manifest: string }[];
  inline: Omit<InlineEntry, 'data'>[];
}

export interface LastResult {
  snapshot: SnapshotId;
  /** What is to be made now, as far as it may differ. */
  list: TargetList;
  difference: Difference;
  /** All paths at which the copy put something then, or does now, with the folders above them. */
  places(): ReadonlySet<string>;
}

export interface LastRequest {
  db: Database;
  /** Names all that decides the result but the content. */
  slot: string;
  inputs: readonly CopyInput[];
  targetsOf: (inputs: readonly CopyInput[], listingOf: ListingOf) => TargetList;
  /** Whether the parent has something at a path of the image, or may have it through a symlink. */
  isInParent: (path: string) => boolean;
}

/** The last whole result, if starting from it gives the same as a fresh copy. */
export function lastResult(request: LastRequest): LastResult | undefined {
  const { db, slot, inputs } = request;
  const row = db.prepare('SELECT snapshot, sources FROM copy_slots WHERE slot = ?').get(slot) as
    | { snapshot: SnapshotId; sources: string }
    | undefined;
  if (row === undefined || findSnapshot(db, row.snapshot) === undefined) return undefined;
  const most = 8 + totalOf(inputs) * largestDifference;
  const compared = compare(request, JSON.parse(row.sources) as CopiedThen[], most);
  if (compared === undefined) return undefined;
  const { removed, changed, touched } = compared.difference;
  if (removed.length + changed.length + touched.length > most) return undefined;
  // What the parent has at a removed path would have to show again; a replaced folder would hide what is below it.
  if (removed.some((target) => request.isInParent(target.path))) return undefined;
  return { snapshot: row.snapshot, ...compared };
}

/** Entries of all that the copies take. */
export function totalOf(inputs: readonly CopyInput[]): number {
  const counts = inputs.flatMap(({ sources, inline }) => [
    inline.length,
    ...sources.map(({ scan }) => scan.summary.count),
  ]);
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Undefined: the two copies are of other kinds, or differ in more than `most` entries. */
function compare(
  { db, inputs, targetsOf }: LastRequest,
  then: readonly CopiedThen[],
  most: number,
): Pick<LastResult, 'list' | 'difference' | 'places'> | undefined {
  const pairs = inputs.flatMap(({ sources }, index) =>
    sources.map((source, at) => ({ source, was: then[index]?.sources[at] })),
  );
  const isSameKind = inputs.every(({ sources }, index) => sources.length === then[index]?.sources.length);
  if (!isSameKind) return undefined;
  // Of several sources one may hide what another gives: then all of both is compared.
  const isAlone = inputs.length === 1 && pairs.length === 1;
  const listings = new Map<CopyInputSource, Listings>();
  for (const { source, was } of pairs) {
    if (was?.name !== source.name || was.isArchive !== (source.isArchive ?? false)) return undefined;
    const listing = listBoth(db, was.manifest, source.scan.summary.manifest, isAlone ? most : undefined);
    if (listing === undefined) return undefined;
    listings.set(source, listing);
  }
  const inputsThen = inputs.map((input, index) => {
    const inline = then[index]?.inline ?? [];
    return { ...input, inline: inline.map((file) => ({ ...file, data: '' })) };
  });
  const before = targetsOf(inputsThen, (source) => (listings.get(source) as Listings).before);
  const list = targetsOf(inputs, (source) => (listings.get(source) as Listings).after);
  const manifests = new Map(pairs.map(({ source, was }) => [source, was?.manifest as string]));
  const places = () => {
    const then = targetsOf(inputsThen, (source) => readTree(db, manifests.get(source) as string));
    const now = targetsOf(inputs, ({ scan }) => readTree(db, scan.summary.manifest));
    return withFoldersAbove([...then.targets, ...now.targets]);
  };
  return { list, difference: compareTargets(before.targets, list.targets), places };
}

function withFoldersAbove(targets: readonly Target[]): Set<string> {
  const paths = new Set<string>();
  for (const { path } of targets)
    for (let at = path; at !== '' && !paths.has(at); at = at.slice(0, Math.max(0, at.lastIndexOf('/'))))
      paths.add(at);
  return paths;
}

interface Listings {
  before: Listed[];
  after: Listed[];
}

/** Both trees as lists; with `most` only what differs, and that only if it isn't more. */
function listBoth(
  db: Database,
  before: string,
  after: string,
  most: number | undefined,
): Listings | undefined {
  const [first, second] = [before, after].map((manifest) => topOf(db, manifest));
  if (first === undefined || second === undefined || first.type !== second.type) return undefined;
  // A new name of an old inode, or a new inode for one of several names, would not be linked as in a fresh copy.
  if (first.inner?.hasLinks || second.inner?.hasLinks) return undefined;
  if (most === undefined) return { before: [...readTree(db, before)], after: [...readTree(db, after)] };
  const listings: Listings = { before: [listedOf(first, '')], after: [listedOf(second, '')] };
  for (const difference of diffTrees(db, before, after)) {
    if (difference.path === '') continue;
    if (difference.before) listings.before.push(difference.before);
    if (difference.after) listings.after.push(difference.after);
    if (Math.max(listings.before.length, listings.after.length) > most + 1) return undefined;
  }
  return listings;
}

/** The entry of a manifest that stands for a whole copy. */
function topOf(db: Database, manifest: string) {
  const [line] = readManifest(db, manifest) ?? [];
  return line === undefined ? undefined : decodeLine(line);
}

/** Whether a copy is big enough to start from an earlier one. */
export function isWorthRemembering(inputs: readonly CopyInput[]): boolean {
  return totalOf(inputs) >= fewestEntries;
}

/** Remembers what a result took, for the next copy of its slot to start from. */
export function rememberResult(
  db: Database,
  slot: string,
  snapshot: SnapshotId,
  inputs: readonly CopyInput[],
): void {
  const then: CopiedThen[] = inputs.map(({ sources, inline }) => ({
    sources: sources.map(({ name, isArchive = false, scan }) => ({
      name,
      isArchive,
      manifest: scan.summary.manifest,
    })),
    inline: inline.map(({ data: _, ...file }) => file),
  }));
  db.prepare('INSERT OR REPLACE INTO copy_slots (slot, snapshot, sources) VALUES (?, ?, ?)').run(
    slot,
    snapshot,
    JSON.stringify(then),
  );
}
