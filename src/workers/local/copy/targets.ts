/**
 * What a copy step puts into the image, entry by entry: its listing as targets. Two lists of targets are compared to
 * find the difference that turns one result into another.
 */
import { posix } from 'node:path';
import { type ModeChange, parseChmod } from '../../../kit/chmod.ts';
import { hexOf, sha256 } from '../../../kit/digest.ts';
import { wrongUse } from '../../../kit/errors.ts';
import { typeOfRow } from '../../../kit/file-rows.ts';
import { joinPath } from '../../../kit/walk.ts';
import type { Copy, InlineFile } from '../../../plan/index.ts';
import type { Listed } from '../../../store/manifests.ts';
import { hostPath, type Scan } from './scan.ts';
import type { TakenFolder } from './select.ts';

/** One entry to make: as it is listed, but with paths in the image, without a leading slash. `''`: the image's root folder. */
export interface Target extends Listed {
  /** The folder that a copy's content goes into: keeps its metadata where the image has it. */
  isDest?: true;
  /** Of an unpacked archive: takes the place of whatever is there, and is no way through a link. */
  replaces?: true;
}

/** Where a target's content is, besides what the target itself says. */
export type Content = HostContent | { inline: string };

export interface HostContent {
  host: string;
  source: CopyInputSource;
  /** Inside of the source. */
  path: string;
}

export interface TargetList {
  targets: Target[];
  contents: Map<string, Content>;
}

/** What one copy puts into the image. */
export interface CopyInput {
  copy: Copy;
  /** Files and folders in order. Empty for inline files. */
  sources: readonly CopyInputSource[];
  inline: readonly InlineEntry[];
  /** Who owns what is copied, where the copy says so. */
  owner?: { uid: number; gid: number };
}

export interface CopyInputSource {
  host: string;
  name: string;
  scan: Scan;
  taken: TakenFolder;
  /** An unpacked archive: its content goes into the destination, with the owners and modes that it gives them. */
  isArchive?: boolean;
}

export interface InlineEntry extends InlineFile {
  /** 64 hex digits of SHA-256 over its data. */
  digest: string;
}

export function inlineOf(file: InlineFile): InlineEntry {
  return { ...file, digest: hexOf(sha256(file.data)) };
}

/** Entries of one source, itself first: all of them, or, for a comparison, those that may differ. */
export type ListingOf = (source: CopyInputSource) => Iterable<Listed>;

/** What the image has before the copy. Paths have no leading slash. */
export interface ImageLook {
  isFolder(path: string): boolean;
  /** The path with all symlinks of the image followed. */
  resolve(path: string): string;
}

export function listTargets(
  inputs: readonly CopyInput[],
  image: ImageLook,
  listingOf: ListingOf,
): TargetList {
  const list: TargetList = { targets: [], contents: new Map() };
  const byPath = new Map<string, Target>();
  const add: Add = (target, content) => {
    const before = byPath.get(target.path);
    if (before !== undefined && (before.type === 'directory') !== (target.type === 'directory')) {
      throw wrongUse('copy-conflict', `The copy gives /${target.path} both as a folder and as a file.`);
    }
    // What a folder on the way gets says less than what is copied to it.
    if (before !== undefined && target.isDest) return;
    byPath.set(target.path, target);
    if (content) list.contents.set(target.path, content);
  };
  const isFolder = (path: string) => byPath.get(path)?.type === 'directory' || image.isFolder(path);
  for (const input of inputs) {
    const isListed = input.copy.select !== undefined;
    const dest = imagePath(input.copy.dest);
    const place: Place = {
      input,
      mode: modeOf(input.copy),
      dest: isListed ? image.resolve(dest) : dest,
      isFolder,
      add,
    };
    if (input.copy.from.type === 'inline') {
      if (isListed) addFolders(place, input.copy.dest.endsWith('/'));
      for (const file of input.inline) addInline(place, file);
    } else {
      for (const source of input.sources) addSource(place, source, listingOf(source));
    }
  }
  list.targets = [...byPath.values()].sort(byFolder);
  return list;
}

/** Where one copy goes, and how. */
interface Place {
  input: CopyInput;
  mode: ModeChange;
  dest: string;
  isFolder: (path: string) => boolean;
  add: Add;
}
const slash = 0x2f;

function byFolder(a: Target, b: Target): number {
  const [left, right] = [a.path, b.path];
  const shorter = Math.min(left.length, right.length);
  for (let at = 0; at < shorter; at++) {
    const [one, other] = [left.charCodeAt(at), right.charCodeAt(at)];
    // `/` comes before every other character: a folder right before its content.
    if (one !== other) return (one === slash ? -1 : one) - (other === slash ? -1 : other);
  }
  return left.length - right.length;
}

type Add = (target: Target, content: Content | undefined) => void;

function addSource(place: Place, source: CopyInputSource, listing: Iterable<Listed>): void {
  const { input, dest, isFolder, add, mode } = place;
  const { copy } = input;
  const isFolderSource = typeOfRow(source.taken.rows) === 'directory';
  const isListed = copy.select !== undefined;
  const isOneOfMany = !isListed && input.sources.length > 1;
  const goesInto = !isFolderSource && (isOneOfMany || copy.dest.endsWith('/') || isFolder(dest));
  const base = goesInto ? joinPath(dest, source.name) : dest;
  // A folder's content goes into a folder of its own kind: what the source says of its top folder doesn't count.
  if (isListed) addFolders(place, goesInto || isFolderSource || source.isArchive === true);
  for (const listed of listing) {
    const path = listed.path === '' ? base : joinPath(base, listed.path);
    // The image has its root already, and keeps what it says of it.
    if (isListed && path === '') continue;
    const target: Target = {
      path,
      type: listed.type,
      mode: source.isArchive ? listed.mode : mode(listed.mode, listed.type === 'directory'),
      ...(input.owner ?? { uid: listed.uid, gid: listed.gid }),
      mtime: listed.mtime,
    };
    if (listed.link !== undefined) target.link = listed.link;
    if (listed.device) target.device = listed.device;
    const xattrs = xattrsOf(copy, listed);
    if (xattrs) target.xattrs = xattrs;
    if (source.isArchive) target.replaces = true;
    if (listed.digest) target.digest = listed.digest;
    if (listed.sameAs !== undefined) target.sameAs = joinPath(base, listed.sameAs);
    if (listed.path === '' && listed.type === 'directory' && path !== '') target.isDest = true;
    add(
      target,
      listed.type === 'file'
        ? { source, path: listed.path, host: hostPath(source.host, listed.path) }
        : undefined,
    );
  }
}

/** A file's capabilities are no part of a build's context. */
function xattrsOf({ from, select }: Copy, { xattrs }: Listed): Listed['xattrs'] {
  if (xattrs?.[capability] === undefined || from.type !== 'folder' || select === undefined) return xattrs;
  const { [capability]: _, ...rest } = xattrs;
  return Object.keys(rest).length === 0 ? undefined : rest;
}

const capability = 'security.capability';

/** The folders on the way to the destination, made where the image lacks them. `all`: the destination is one too. */
function addFolders({ input, dest, add }: Place, all: boolean): void {
  const names = dest === '' ? [] : dest.split('/');
  const { mode } = input.copy;
  const bits = typeof mode === 'number' ? mode & 0o777 : 0o755;
  const made = { mode: bits, mtime: '0', ...(input.owner ?? { uid: 0, gid: 0 }) };
  for (let depth = 1; depth <= names.length - (all ? 0 : 1); depth++) {
    add({ path: names.slice(0, depth).join('/'), type: 'directory', ...made, isDest: true }, undefined);
  }
}

/** Whether a copy gives its entries the owners that they have at their source. */
export function keepsOwners({ from, owner }: Copy): boolean {
  return (
    owner === undefined && (from.type === 'step' || (from.type === 'folder' && from.keepOwners === true))
  );
}

function modeOf({ mode }: Copy): ModeChange {
  if (mode === undefined) return (own) => own;
  if (typeof mode === 'number') return () => mode;
  const change = parseChmod(mode);
  if (change === undefined) throw wrongUse('bad-mode', `\`${mode}\` is no mode of a file.`);
  return change;
}

function addInline({ input, dest, mode, isFolder, add }: Place, file: InlineEntry): void {
  const { copy } = input;
  const goesInto = copy.select === undefined || copy.dest.endsWith('/') || isFolder(dest);
  const path = goesInto ? imagePath(posix.join(`/${dest}`, file.path)) : dest;
  const owner = input.owner ?? { uid: 0, gid: 0 };
  const { digest } = file;
  add(
    { path, type: 'file', mode: mode(file.mode, false), ...owner, mtime: '0', digest },
    { inline: file.data },
  );
}

/** A path in an image: absolute, cleaned, without its leading slash. */
export function imagePath(path: string): string {
  return posix.resolve('/', path).slice(1);
}

/** How to turn the result of `before` into that of `after`. */
export interface Difference {
  removed: Target[];
  /** To make anew: content or type differ. */
  changed: Target[];
  /** Same content, other metadata. */
  touched: Target[];
}

export function compareTargets(before: readonly Target[], after: readonly Target[]): Difference {
  const old = new Map(before.map((target) => [target.path, target]));
  const difference: Difference = { removed: [], changed: [], touched: [] };
  for (const target of after) {
    const was = old.get(target.path);
    old.delete(target.path);
    if (was !== undefined && was.type !== target.type) difference.removed.push(was);
    if (was === undefined || contentOf(was) !== contentOf(target)) difference.changed.push(target);
    else if (metadataOf(was) !== metadataOf(target)) difference.touched.push(target);
  }
  difference.removed.push(...old.values());
  difference.removed.sort(byFolder);
  return difference;
}

function contentOf({ type, digest, link, device, sameAs }: Target): string {
  return type === 'file' || type === 'directory'
    ? `${type}\0${digest ?? ''}\0${sameAs ?? ''}`
    : JSON.stringify([type, link, device, sameAs]);
}

function metadataOf({ mode, uid, gid, mtime, xattrs }: Target): string {
  return `${mode}.${uid}.${gid}.${mtime}${xattrs ? JSON.stringify(xattrs) : ''}`;
}
