/**
 * Scans folders of the host. What a folder held is remembered with the metadata of its entries: when nothing changed, a
 * scan reads metadata only, and after a change only the manifests of the folders on its path are made again.
 */
import { createHash } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import type { Digest } from '../../../kit/digest.ts';
import {
  type FileRows,
  inodeOf,
  isOlderThan,
  linksOfRow,
  readRow,
  rowAt,
  rowFields,
  sameRow,
  settledBefore,
  spoilRow,
  typeOfRow,
} from '../../../kit/file-rows.ts';
import type { Work } from '../../../kit/in-turns.ts';
import { decodeName, fsPath } from '../../../kit/names.ts';
import { joinPath, treeXattrs } from '../../../kit/walk.ts';
import type { Database } from '../../../store/database.ts';
import {
  decodeLine,
  encodeLine,
  type NamedEntry,
  type Summary,
  summarise,
} from '../../../store/manifests.ts';
import { hashFile } from './hash-file.ts';
import { type KnownFolder, rememberedFolders, rememberedTree, rememberTree } from './remembered.ts';
import type { TakenFolder } from './select.ts';

/**
 * A file whose time is younger than this when it is scanned may change again without a new time: kernels stamp files
 * with a clock that ticks every 1–10 ms, some file systems every 2 s (then the fraction is zero).
 */
const clockGrainNs = 20_000_000n;
const coarseGrainNs = 2_000_000_000n;

export interface ScanRequest {
  /** Host path of what is scanned. */
  host: string;
  taken: TakenFolder;
  keepsOwner: boolean;
  /** What files held that were read before in this process, by identity: nothing is read twice. */
  memo: Map<string, ReadContent>;
}

/** What is found out by reading an entry, beyond its metadata. */
export type ReadContent = Pick<NamedEntry, 'digest' | 'link' | 'device' | 'xattrs'>;

export interface Scan {
  /** Of what a copy gives, for its key. */
  digest: Digest;
  summary: Summary;
  /** Nothing changed since an earlier scan. */
  isKnown: boolean;
  /** When it began; undefined where files can't change. */
  startNs: bigint | undefined;
}

/** Scans what a copy takes of a folder of the host, using and refreshing what the database remembers under `name`. */
export function* scanFolder(db: Database, name: string, request: ScanRequest): Work<Scan> {
  const startNs = BigInt(Date.now()) * 1_000_000n;
  const fingerprint = fingerprintOf(request.taken);
  const tree = rememberedTree(db, name);
  if (tree?.fingerprint === fingerprint) return scanOf(tree.summary, true, startNs);
  const scanned = yield* scanAll(request, startNs, tree ? rememberedFolders(db, tree.id) : new Map());
  rememberTree(db, { name, fingerprint: scanned.isRacy ? '' : fingerprint, ...scanned });
  return scanOf(scanned.summary, false, startNs);
}

/** Scans a tree that can't change (a snapshot's view): of it, only the manifests are kept. */
export function* scanTree(db: Database, request: ScanRequest): Work<Scan> {
  const scanned = yield* scanAll(request, undefined, new Map());
  rememberTree(db, { ...scanned, folders: new Map() });
  return scanOf(scanned.summary, false, undefined);
}

function scanOf(summary: Summary, isKnown: boolean, startNs: bigint | undefined): Scan {
  return { digest: `sha256:${summary.content}` as Digest, summary, isKnown, startNs };
}

function fingerprintOf(taken: TakenFolder): string {
  const hasher = createHash('sha256');
  const add = ({ nameBytes, rows, folders }: TakenFolder) => {
    // A name is never empty, but for that of the top.
    hasher.update(nameBytes).update('\0').update(rows);
    for (const folder of folders.values()) add(folder);
  };
  add(taken);
  return hasher.digest('hex');
}

/** What a scan found out. */
export interface Scanned {
  summary: Summary;
  /** Something changed so shortly before the scan that equal metadata proves nothing next time. */
  isRacy: boolean;
  /** What differs from what was known: new manifests by digest, and folders by path. */
  texts: Map<string, string>;
  folders: Map<string, ScannedFolder | 'as-known'>;
}

export interface ScannedFolder {
  /** Empty where it must not vouch for the folder. */
  fingerprint: string;
  /** As they were, in order of names; rows of entries that changed shortly before the scan are spoiled. */
  rows: FileRows;
  summary: Summary;
}

/** So many are read between two pauses. */
const fewEntries = 32;

/** Path under which the one entry without a name is remembered: that of no folder. */
const topPath = '/';

function* scanAll(
  request: ScanRequest,
  startNs: bigint | undefined,
  known: ReadonlyMap<string, KnownFolder>,
): Work<Scanned> {
  const links = linksOf(request.taken);
  const scanned: Scanned = {
    summary: { manifest: '', content: '', count: 0, hasLinks: false },
    isRacy: false,
    texts: new Map(),
    folders: new Map(),
  };
  function* scanOne(path: string, taken: TakenFolder): Work<Summary> {
    const inside = path === topPath ? '' : path;
    const inners = new Map<string, Summary>();
    const before = known.get(path);
    for (const [name, folder] of taken.folders)
      inners.set(name, yield* scanOne(joinPath(inside, name), folder));
    const sameAs = links.get(taken) ?? new Map<string, string>();
    const fingerprint = folderFingerprint(taken, inners, sameAs);
    if (before?.fingerprint === fingerprint) {
      scanned.folders.set(path, 'as-known');
      return before.summary;
    }
    const sorted = taken.sorted();
    const rows = sorted.rows.slice();
    const isRacy = spoilRacy(rows, startNs);
    scanned.isRacy ||= isRacy;
    const old = before && oldEntries(before);
    const lines: string[] = [];
    for (const [index, name] of sorted.names.entries()) {
      const row = rowAt(sorted.rows, index);
      const was = old?.get(name);
      const content =
        was !== undefined && sameRow(was.row, row)
          ? decodeLine(was.line)
          : yield* readContent(request, joinPath(inside, name), row);
      const { keepsOwner } = request;
      if (index % fewEntries === 0) yield;
      lines.push(encodeLine(entryOf(name, row, content, keepsOwner, inners.get(name), sameAs.get(name))));
    }
    const { summary, text } = summarise(lines, inners.values(), sameAs.size > 0);
    scanned.texts.set(summary.manifest, text);
    scanned.folders.set(path, { fingerprint: isRacy ? '' : fingerprint, rows, summary });
    return summary;
  }
  scanned.summary = yield* scanOne(topPath, request.taken);
  return scanned;
}

function oldEntries(known: KnownFolder): Map<string, { row: FileRows; line: string }> | undefined {
  const kept = known.read();
  if (kept === undefined) return undefined;
  return new Map(
    kept.lines.map((line, index) => [decodeLine(line).name, { row: rowAt(kept.rows, index), line }]),
  );
}

/**
 * Over all that decides a folder's manifest: what is below it too, for what is remembered of that may be of another scan, that
 * of a build at the same time.
 */
function folderFingerprint(
  { nameBytes, rows }: TakenFolder,
  inners: ReadonlyMap<string, Summary>,
  sameAs: ReadonlyMap<string, string>,
): string {
  const below = [...inners.values()].map(({ manifest }) => manifest).join();
  const hasher = createHash('sha256').update(nameBytes).update(`\0${below}\0\0`).update(rows);
  // A folder that is renamed changes which of two names of an inode comes first, and no file's metadata.
  if (sameAs.size > 0) hasher.update([...sameAs].flat().join('\0'));
  return hasher.digest('hex');
}

/** By folder, the names in it that are further names of an inode, and the path of its first one. */
function linksOf(top: TakenFolder): Map<TakenFolder, Map<string, string>> {
  const firsts = new Map<string, string>();
  const found = new Map<TakenFolder, Map<string, string>>();
  const walk = (taken: TakenFolder, path: string) => {
    const { names, rows } = taken.sorted();
    for (const [index, name] of names.entries()) {
      const folder = taken.folders.get(name);
      if (folder !== undefined) walk(folder, joinPath(path, name));
      if (!isLinked(rows, index)) continue;
      const at = joinPath(path, name);
      const inode = inodeOf(rowAt(rows, index));
      const first = firsts.get(inode);
      if (first === undefined) firsts.set(inode, at);
      else found.set(taken, (found.get(taken) ?? new Map<string, string>()).set(name, first));
    }
  };
  if (hasLinked(top)) walk(top, '');
  return found;
}

/** Whether a file has more names than this one, there or elsewhere. */
function isLinked(rows: FileRows, index: number): boolean {
  return linksOfRow(rows, index) > 1 && typeOfRow(rows, index) === 'file';
}

function hasLinked({ rows, folders }: TakenFolder): boolean {
  for (let index = 0; index < rows.length / rowFields; index++) if (isLinked(rows, index)) return true;
  return [...folders.values()].some(hasLinked);
}

function spoilRacy(rows: FileRows, startNs: bigint | undefined): boolean {
  if (startNs === undefined) return false;
  let any = false;
  for (let index = 0; index < rows.length / rowFields; index++) {
    if (!isRacy(rows, index, startNs)) continue;
    spoilRow(rowAt(rows, index));
    any = true;
  }
  return any;
}

/** Whether the entry changed so shortly before the scan that it may change again and look the same. */
export function isRacy(rows: FileRows, index: number, startNs: bigint): boolean {
  // Most are older by far, and big numbers are slow.
  if (isOlderThan(rows, index, settledBefore(Number(startNs / 1_000_000n)))) return false;
  const { mtimeNs, ctimeNs } = readRow(rowAt(rows, index));
  const newest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs;
  const grain = ctimeNs % 1_000_000_000n === 0n ? coarseGrainNs : clockGrainNs;
  return newest > startNs - grain;
}

function entryOf(
  name: string,
  row: FileRows,
  { digest, link, device, xattrs }: ReadContent,
  keepsOwner: boolean,
  inner: Summary | undefined,
  sameAs: string | undefined,
): NamedEntry {
  const { mode, uid, gid, mtimeNs } = readRow(row);
  const type = typeOfRow(row);
  return {
    name,
    type,
    mode: type === 'symlink' ? 0 : mode,
    // Owners on the host mean nothing in an image.
    uid: keepsOwner ? uid : 0,
    gid: keepsOwner ? gid : 0,
    mtime: String(mtimeNs),
    ...(digest !== undefined && { digest }),
    ...(link !== undefined && { link }),
    ...(device && { device }),
    ...(xattrs && { xattrs }),
    ...(inner && { inner }),
    ...(sameAs !== undefined && { sameAs }),
  };
}

function* readContent({ host: top, memo }: ScanRequest, path: string, row: FileRows): Work<ReadContent> {
  const identity = row.join();
  const known = memo.get(identity);
  if (known !== undefined) return known;
  const host = hostPath(top, path);
  const type = typeOfRow(row);
  const content: ReadContent = {};
  if (type === 'file') content.digest = yield* hashFile(host, row);
  if (type === 'symlink') content.link = decodeName(readlinkSync(fsPath(host), { encoding: 'buffer' }));
  if (type === 'char' || type === 'block') content.device = readRow(row).device;
  const xattrs = treeXattrs(host);
  if (xattrs)
    content.xattrs = Object.fromEntries([...xattrs].map(([name, value]) => [name, value.toString('base64')]));
  memo.set(identity, content);
  return content;
}

/** Host path of what has the path `path` in a copy of `top`. */
export function hostPath(top: string, path: string): string {
  if (path === '') return top;
  return top === '/' ? `/${path}` : `${top}/${path}`;
}
