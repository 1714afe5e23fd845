/** Members of an archive, from entries of a tree. */
import { wrongUse } from '../errors.ts';
import type { Entry } from '../tree.ts';
import { walkTree } from '../walk-tree.ts';
import type { MemberHeader } from './format.ts';
import type { PackItem } from './pack.ts';
import { splitPath } from './safe-root.ts';
import { whiteoutPrefix } from './unpack.ts';

/**
 * The members of a whole tree. Names begin with `./`, as tar(1) writes a folder's content; where `root` is no folder, it is
 * the only member, called `fileName`.
 */
export function* treeMembers(root: string, clampSeconds?: number, fileName = '.'): Generator<PackItem> {
  const toMember = memberMaker(clampSeconds, true);
  for (const { entry, host } of walkTree(root)) {
    const top = entry.type === 'directory' ? '.' : fileName;
    const item = toMember(entry, entry.path === '' ? top : `./${entry.path}`, host);
    if (item) yield item;
  }
}

export type MemberMaker = (entry: Entry, name: string, content: string) => PackItem | undefined;

/** Turns entries of one listing into members; remembers inodes, so that the second name of one becomes a link. */
export function memberMaker(clampSeconds?: number, allowWhiteoutNames = false): MemberMaker {
  const firstNames = new Map<string, string>();
  const clampNs = clampSeconds === undefined ? undefined : BigInt(clampSeconds) * 1_000_000_000n;
  return (entry, name, content) => {
    if (entry.type === 'socket') return undefined;
    if (!allowWhiteoutNames) refuseWhiteoutName(name);
    const first = entry.inode === undefined ? undefined : firstNames.get(entry.inode);
    if (entry.inode !== undefined && first === undefined) firstNames.set(entry.inode, name);
    const member: MemberHeader = {
      name,
      type: first === undefined ? entry.type : 'hardlink',
      mode: entry.mode,
      uid: entry.uid,
      gid: entry.gid,
      size: first === undefined ? entry.size : 0,
      mtimeNs: clampNs !== undefined && entry.mtimeNs > clampNs ? clampNs : entry.mtimeNs,
    };
    if (first !== undefined) return { member: { ...member, link: first } };
    if (entry.link !== undefined) member.link = entry.link;
    if (entry.device !== undefined) member.device = entry.device;
    if (entry.xattrs !== undefined) member.xattrs = entry.xattrs;
    return entry.type === 'file' ? { member, content } : { member };
  };
}

function refuseWhiteoutName(name: string): void {
  if (!splitPath(name).name.startsWith(whiteoutPrefix)) return;
  throw wrongUse(
    'whiteout-name',
    `The file /${name} can't be in an image: names that begin with .wh. mean deleted files there.`,
    {
      hint: 'Rename or remove it, or write the tree with `-o type=tar` or `-o type=local`.',
    },
  );
}
