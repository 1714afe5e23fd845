/** Makes one entry of a copy in a workspace, from content that must still be what was scanned. */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  lchownSync,
  linkSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { copyOpenFile } from '../../../kit/copy-node.ts';
import { errnoOf, wrongUse } from '../../../kit/errors.ts';
import { type FileRows, sizeOfRow } from '../../../kit/file-rows.ts';
import type { Work } from '../../../kit/in-turns.ts';
import { encodeName, fsPath } from '../../../kit/names.ts';
import {
  copyThrough,
  makeNode,
  readXattrs,
  reflink,
  removeXattr,
  setTimes,
  setTimesOfOpen,
  setXattr,
} from '../../../kit/system.ts';
import { lstatIfAny, typeOf } from '../../../kit/walk.ts';
import { changedWhileRead, checkUnchanged, hashFile } from './hash-file.ts';
import { isRacy } from './scan.ts';
import { rowFinder } from './select.ts';
import type { Content, CopyInputSource, HostContent, Target } from './targets.ts';

/** Copies the content of files of a host's folders. */
export interface Copier {
  /** What the system takes from the modes of new files. */
  readonly umask: number;
  /** Undefined where it is done already. */
  copy(content: HostContent, from: number, to: number): Work | undefined;
  /** The file's metadata when it was scanned. */
  rowOf(content: HostContent): FileRows;
}

/** Larger ones may have holes, and are asked for them. */
const smallBytes = 64 * 1024;

/** What was found out of one file of a source holds for the next ones. */
export function openCopier(): Copier {
  const sources = new Map<CopyInputSource, { rowAt: (path: string) => FileRows; sharesBlocks: boolean }>();
  const of = (source: CopyInputSource) => {
    const known = sources.get(source) ?? { rowAt: rowFinder(source.taken), sharesBlocks: true };
    sources.set(source, known);
    return known;
  };
  const umask = process.umask(0);
  process.umask(umask);
  return {
    umask,
    rowOf: ({ source, path }) => of(source).rowAt(path),
    copy({ source, path }, from, to) {
      const known = of(source);
      const size = sizeOfRow(known.rowAt(path));
      if (size >= smallBytes) return copyOpenFile(from, to);
      // Less than a block is as soon copied.
      if (size > 4096 && known.sharesBlocks) {
        if (reflink(from, to)) return undefined;
        known.sharesBlocks = false;
      }
      copyThrough(from, to, size);
      return undefined;
    },
  };
}

/** Makes `target` at the host path `host`, in the place of what is there; its folder is real. */
export function* makeFile(
  target: Target,
  host: string,
  content: Content | undefined,
  hostOfLink: (path: string) => string,
  copier: Copier,
): Work {
  function* make(): Work {
    if (target.sameAs !== undefined) linkSync(fsPath(hostOfLink(target.sameAs)), fsPath(host));
    else if (target.type === 'symlink') symlinkSync(encodeName(target.link as string), fsPath(host));
    else if (target.type === 'file') yield* writeContent(target, host, content as Content, copier);
    else makeNode(host, target.type as 'char', target.mode, target.device);
  }
  try {
    yield* make();
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    clear(target, host);
    yield* make();
  }
  if (target.sameAs !== undefined) return;
  const isPlain = target.type === 'file' && target.uid === 0 && target.gid === 0;
  if (!isPlain || target.xattrs || (target.mode & 0o7000) !== 0) setMetadata(target, host);
  if (target.type !== 'file') setTimes(host, BigInt(target.mtime));
}

function clear(target: Target, host: string): void {
  const existing = lstatIfAny(host);
  if (existing && typeOf(existing) === 'directory' && !target.replaces) {
    throw wrongUse('is-a-folder', `/${target.path} of the image is a folder, but a file is copied to it.`);
  }
  rmSync(fsPath(host), { recursive: true, force: true });
}

export function setMetadata(target: Target, host: string): void {
  lchownSync(fsPath(host), target.uid, target.gid);
  if (target.type !== 'symlink') chmodSync(fsPath(host), target.mode);
  for (const name of readXattrs(host)?.keys() ?? []) {
    if (target.xattrs?.[name] === undefined && /^(user\.|security\.capability$|system\.posix_acl)/.test(name))
      removeXattr(host, name);
  }
  for (const [name, value] of Object.entries(target.xattrs ?? {}))
    setXattr(host, name, Buffer.from(value, 'base64'));
}

/** The name must be free: nothing can be followed. */
function* writeContent(target: Target, host: string, content: Content, copier: Copier): Work {
  const to = openSync(fsPath(host), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, target.mode);
  try {
    if ('inline' in content) {
      const data = Buffer.from(content.inline);
      for (let at = 0; at < data.length; ) at += writeSync(to, data, at);
    } else yield* copyContent(content, to, copier);
    // The mask is the process's, and others have their turns meanwhile: it stays.
    if ((target.mode & copier.umask) !== 0) fchmodSync(to, target.mode);
    setTimesOfOpen(to, BigInt(target.mtime));
  } finally {
    closeSync(to);
  }
  if ('inline' in content) return;
  // Equal times prove nothing for a file that was just written: then the copy itself is read.
  const { startNs } = content.source.scan;
  if (startNs === undefined || !isRacy(copier.rowOf(content), 0, startNs)) return;
  if ((yield* hashFile(host)) !== target.digest) throw changedWhileRead(content.host);
}

function* copyContent(content: HostContent, to: number, copier: Copier): Work {
  let from: number;
  try {
    from = openSync(fsPath(content.host), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (['ENOENT', 'ELOOP'].includes(errnoOf(error) ?? '')) throw changedWhileRead(content.host, error);
    throw error;
  }
  try {
    const work = copier.copy(content, from, to);
    if (work !== undefined) yield* work;
    checkUnchanged(content.host, from, copier.rowOf(content));
  } finally {
    closeSync(from);
  }
}
