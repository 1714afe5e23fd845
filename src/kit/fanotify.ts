/** Tells which files of a mounted file system are opened, by anybody: fanotify(7). Needs root. */
import { close, closeSync, fstatSync, readlinkSync, readSync, statSync } from 'node:fs';
import { isBtrfs } from './btrfs.ts';
import { decodeName } from './names.ts';
import { native } from './native.ts';
import { descriptorPath } from './system.ts';

const fanotifyInit = native('int fanotify_init(unsigned int flags, unsigned int eventFlags)');
const fanotifyMark = native(
  'int fanotify_mark(int fd, unsigned int flags, uint64_t mask, int dir, const char *path)',
);

const FAN_CLOEXEC = 1;
const FAN_NONBLOCK = 2;
const FAN_UNLIMITED_QUEUE = 0x10;
const FAN_UNLIMITED_MARKS = 0x20;
const FAN_MARK_ADD = 1;
const FAN_MARK_IGNORED_MASK = 0x20;
const FAN_MARK_FILESYSTEM = 0x100;
const FAN_OPEN = 0x20n;
const FAN_OPEN_EXEC = 0x1000n;
const FAN_Q_OVERFLOW = 0x4000n;
const O_CLOEXEC = 0x80000;
const O_LARGEFILE = 0x8000;
const AT_FDCWD = -100;

/** Each event comes with an open file: few at a time, so that the limit on those is never near. */
const eventBytes = 24;
const buffer = Buffer.alloc(eventBytes * 128);
const pollMs = 10;

/** What became of a file: a program that was started was opened for that. */
export type Use = 'opened' | 'started';

export interface OpenedFiles {
  /** Ends it: the paths, in the file system, of all files that were opened; undefined where some went unnoticed. */
  stop(): Map<string, Use> | undefined;
}

/**
 * Watches the file system that is mounted at `root`, or the subvolume of btrfs that is there, among all that are. Undefined
 * where the kernel doesn't allow it. A file that is used a second time is ignored from then on, and costs nothing: most are used
 * once, and to have each of them ignored, and forgotten in the end, costs more than it saves.
 */
export function watchOpens(root: string): OpenedFiles | undefined {
  const fd = fanotifyInit(
    FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS,
    O_CLOEXEC | O_LARGEFILE,
  );
  if (fd < 0) return undefined;
  if (fanotifyMark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN | FAN_OPEN_EXEC, AT_FDCWD, root) < 0) {
    closeSync(fd);
    return undefined;
  }
  // Of btrfs, each subvolume is a device of its own; an overlay is nobody else's.
  const device = isBtrfs(root) ? statSync(root).dev : undefined;
  const opened = new Map<string, Use>();
  let isWhole = true;
  const note = (file: number, mask: bigint): void => {
    const link = descriptorPath(file);
    if (device !== undefined && fstatSync(file).dev !== device) {
      closeSync(file);
      return;
    }
    const path = decodeName(readlinkSync(link, { encoding: 'buffer' }));
    const name = path.startsWith(`${root}/`) ? path.slice(root.length) : path;
    const isStarted = (mask & FAN_OPEN_EXEC) !== 0n;
    const before = opened.get(name);
    if (isStarted || before === undefined) opened.set(name, isStarted ? 'started' : 'opened');
    if (before !== undefined) {
      const known = isStarted ? FAN_OPEN | FAN_OPEN_EXEC : FAN_OPEN;
      fanotifyMark(fd, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK, known, AT_FDCWD, link);
    }
    closeSync(file);
  };
  const drain = (): void => {
    for (let length = readEvents(fd); length > 0; length = readEvents(fd)) {
      for (let at = 0; at < length; at += buffer.readUInt32LE(at)) {
        const file = buffer.readInt32LE(at + 16);
        const mask = buffer.readBigUInt64LE(at + 8);
        if (file >= 0) note(file, mask);
        if (file < 0 || (mask & FAN_Q_OVERFLOW) !== 0n) isWhole = false;
      }
    }
  };
  const timer = setInterval(() => {
    try {
      drain();
    } catch {
      isWhole = false;
    }
  }, pollMs);
  return {
    stop() {
      clearInterval(timer);
      try {
        drain();
      } finally {
        // The kernel takes its time to forget all files that were ignored: beside what comes next.
        close(fd, () => {});
      }
      return isWhole ? opened : undefined;
    },
  };
}

/** Length of what was read into `buffer`; 0 when there are no events. */
function readEvents(fd: number): number {
  try {
    return readSync(fd, buffer, 0, buffer.length, null);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
    throw error;
  }
}
