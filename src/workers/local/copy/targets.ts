/**
 * What a copy step puts into the image, entry by entry: its listing as targets. Two lists of targets are compared to
 * find the difference that turns one result into another.
 */
import { posix } from 'node:path';
import { sha256 } from '../../../kit/digest.ts';
import { wrongUse } from '../../../kit/errors.ts';
import { joinPath } from '../../../kit/walk.ts';
import type { Copy, InlineFile } from '../../../plan/index.ts';
import type { Listed } from './listing.ts';

/** One entry to make. Pure data: lists of targets are kept in the database. */
export interface Target {
  /** Path in the image, without a leading slash. `''`: the image's root folder. */
  path: string;
  type: Listed['type'];
  mode: number;
  uid: number;
  gid: number;
  mtime: string;
  link?: string;
  device?: { major: number; minor: number };
  xattrs?: Record<string, string>;
  digest?: string;
  /** Target path of which this is a hard link. */
  sameAs?: string;
  /** The folder that a copy's content goes into: keeps its metadata where the image has it. */
  isDest?: true;
}

/** Where a target's content is, besides what the target itself says. */
export type Content = { host: string; listed: Listed } | { inline: string };

export interface TargetList {
  targets: Target[];
  contents: Map<string, Content>;
}

/** One source of a copy: what `paths[index]` of it is. */
export interface CopyInput {
  copy: Copy;
  /** For each of the copy's paths, in order: host folder or file, and listing. Empty for inline files. */
  sources: readonly { host: string; name: string; listing: readonly Listed[] }[];
}

/** `isFolder` tells whether the image has a folder at a path, which a single file is then copied into. */
export function listTargets(inputs: readonly CopyInput[], isFolder: (path: string) => boolean): TargetList {
  const list: TargetList = { targets: [], contents: new Map() };
  const byPath = new Map<string, Target>();
  const add = (target: Target, content: Content | undefined) => {
    const before = byPath.get(target.path);
    if (before !== undefined && (before.type === 'directory') !== (target.type === 'directory')) {
      throw wrongUse('copy-conflict', `The copy gives /${target.path} both as a folder and as a file.`);
    }
    byPath.set(target.path, target);
    if (content) list.contents.set(target.path, content);
  };
  for (const { copy, sources } of inputs) {
    if (copy.from.type === 'inline') for (const file of copy.from.files) addInline(copy, file, add);
    else for (const source of sources) addSource(copy, source, sources.length > 1, isFolder, add);
  }
  list.targets = [...byPath.values()].sort(byFolder);
  return list;
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

function addSource(
  copy: Copy,
  source: CopyInput['sources'][number],
  isOneOfMany: boolean,
  isFolder: (path: string) => boolean,
  add: Add,
): void {
  const dest = imagePath(copy.dest);
  const [root] = source.listing;
  const goesInto = root?.type !== 'directory' && (isOneOfMany || copy.dest.endsWith('/') || isFolder(dest));
  const base = goesInto ? joinPath(dest, source.name) : dest;
  for (const listed of source.listing) {
    const path = listed.path === '' ? base : joinPath(base, listed.path);
    const target: Target = {
      path,
      type: listed.type,
      mode: copy.mode ?? listed.mode,
      ...ownerOf(copy, listed),
      mtime: listed.mtime,
    };
    if (listed.link !== undefined) target.link = listed.link;
    if (listed.device) target.device = listed.device;
    if (listed.xattrs) target.xattrs = listed.xattrs;
    if (listed.digest) target.digest = listed.digest;
    if (listed.sameAs !== undefined) target.sameAs = joinPath(base, listed.sameAs);
    if (listed.path === '' && listed.type === 'directory' && path !== '') target.isDest = true;
    add(target, listed.type === 'file' ? { host: hostPath(source.host, listed.path), listed } : undefined);
  }
}

function hostPath(folder: string, path: string): string {
  if (path === '') return folder;
  return folder === '/' ? `/${path}` : `${folder}/${path}`;
}

function ownerOf(copy: Copy, listed: Listed): { uid: number; gid: number } {
  if (copy.owner) return copy.owner;
  // Owners on the host mean nothing in an image.
  return keepsOwners(copy) ? { uid: listed.uid, gid: listed.gid } : { uid: 0, gid: 0 };
}

/** Whether a copy gives its entries the owners that they have at their source. */
export function keepsOwners({ from, owner }: Copy): boolean {
  return (
    owner === undefined && (from.type === 'step' || (from.type === 'folder' && from.keepOwners === true))
  );
}

function addInline(copy: Copy, file: InlineFile, add: Add): void {
  const path = imagePath(posix.join(copy.dest, file.path));
  const owner = copy.owner ?? { uid: 0, gid: 0 };
  const digest = sha256(file.data).slice('sha256:'.length);
  add(
    { path, type: 'file', mode: copy.mode ?? file.mode, ...owner, mtime: '0', digest },
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
