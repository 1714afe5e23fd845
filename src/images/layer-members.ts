/**
 * The members of an image layer, from the changes that a snapshot makes: below the image's root folder, with its
 * path taken off, hard links told apart from files, and what is gone as whiteouts (OCI image specification, "Layer").
 */
import type { MemberHeader } from '../kit/tar/format.ts';
import { type MemberMaker, memberMaker } from '../kit/tar/members.ts';
import type { PackItem } from '../kit/tar/pack.ts';
import { splitPath } from '../kit/tar/safe-root.ts';
import { opaqueMarker, whiteoutPrefix } from '../kit/tar/unpack.ts';
import type { Change } from '../kit/tree.ts';

export interface LayerOptions {
  /** Folder of the snapshot that is the image's root: `/`, or e.g. `/chroot`. */
  root: string;
  /** SOURCE_DATE_EPOCH: later times become this one. Seconds since the Unix epoch. */
  clampSeconds?: number;
}

/** Archive members for `changes`, in their order. Sockets are left out: tar has none. */
export function* layerMembers(changes: Iterable<Change>, options: LayerOptions): Generator<PackItem> {
  const toMember = memberMaker(options.clampSeconds);
  let rootItem: PackItem | undefined;
  let others = 0;
  for (const item of itemsBelow(changes, options.root, toMember)) {
    if (item.member.name === '.') {
      rootItem = item;
      continue;
    }
    if (others === 0 && rootItem) yield rootItem;
    others += 1;
    yield item;
  }
  // Drivers tell of the root folder whenever something touched it. Alone it is a layer only if it says something.
  if (others === 0 && rootItem && !isPlainRoot(rootItem.member)) yield rootItem;
}

function* itemsBelow(changes: Iterable<Change>, root: string, toMember: MemberMaker): Generator<PackItem> {
  const prefix = root.replace(/^\/+|\/+$/g, '');
  for (const change of changes) {
    const path = change.kind === 'deleted' ? change.path : change.entry.path;
    const place = placeOf(path, prefix);
    if (place === undefined) continue;
    if (change.kind === 'deleted') {
      yield whiteout(place === '' ? opaqueMarker : whiteoutOf(place));
    } else if (path.length < prefix.length) {
      // A folder on the way to the root: it matters only when all below it is new.
      if (change.opaque || change.entry.type !== 'directory') yield whiteout(opaqueMarker);
    } else {
      const item = place === '' ? rootOf(change, toMember) : toMember(change.entry, place, change.content);
      if (item) yield item;
      if (change.opaque) yield whiteout(place === '' ? opaqueMarker : `${place}/${opaqueMarker}`);
    }
  }
}

/** The path from the image's root; `''` for the root and the folders above it, undefined for what lies outside. */
function placeOf(path: string, prefix: string): string | undefined {
  if (prefix === '') return path;
  if (path === prefix || path === '' || prefix.startsWith(`${path}/`)) return '';
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length + 1) : undefined;
}

function rootOf(change: Change & { kind: 'present' }, toMember: MemberMaker): PackItem | undefined {
  return change.entry.type === 'directory'
    ? toMember(change.entry, '.', change.content)
    : whiteout(opaqueMarker);
}

function isPlainRoot({ mode, uid, gid, xattrs }: MemberHeader): boolean {
  return mode === 0o755 && uid === 0 && gid === 0 && xattrs === undefined;
}

function whiteoutOf(path: string): string {
  const { folder, name } = splitPath(path);
  return `${folder === '' ? '' : `${folder}/`}${whiteoutPrefix}${name}`;
}

function whiteout(name: string): PackItem {
  return { member: { name, type: 'file', mode: 0, uid: 0, gid: 0, size: 0, mtimeNs: 0n } };
}
