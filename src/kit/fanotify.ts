/** Tells which files of a mounted file system are opened, by anybody: fanotify(7). Needs root. */
import { closeSync, readlinkSync, readSync } from 'node:fs';
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
const FAN_Q_OVERFLOW = 0x4000n;
const O_CLOEXEC = 0x80000;
const O_LARGEFILE = 0x8000;
const AT_FDCWD = -100;

/** Each event comes with an open file: few at a time, so that the limit on those is never near. */
const eventBytes = 24;
const buffer = Buffer.alloc(eventBytes * 128);
const pollMs = 10;

export interface OpenedFiles {
  /** Ends it: the paths, in the file system, of all files that were opened; undefined where some went unnoticed. */
  stop(): Set<string> | undefined;
}

/**
 * Watches the file system that is mounted at `root`. Undefined where the kernel doesn't allow it. Each file is told once:
 * after that it is ignored, and opening it costs nothing.
 */
export function watchOpens(root: string): OpenedFiles | undefined {
  const fd = fanotifyInit(
    FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS,
    O_CLOEXEC | O_LARGEFILE,
  );
  if (fd < 0) return undefined;
  if (fanotifyMark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN, AT_FDCWD, root) < 0) {
    closeSync(fd);
    return undefined;
  }
  const opened = new Set<string>();
  let isWhole = true;
  const note = (file: number): void => {
    const link = descriptorPath(file);
    const path = decodeName(readlinkSync(link, { encoding: 'buffer' }));
    opened.add(path.startsWith(`${root}/`) ? path.slice(root.length) : path);
    fanotifyMark(fd, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK, FAN_OPEN, AT_FDCWD, link);
    closeSync(file);
  };
  const drain = (): void => {
    for (let length = readEvents(fd); length > 0; length = readEvents(fd)) {
      for (let at = 0; at < length; at += buffer.readUInt32LE(at)) {
        const file = buffer.readInt32LE(at + 16);
        if (file >= 0) note(file);
        if (file < 0 || (buffer.readBigUInt64LE(at + 8) & FAN_Q_OVERFLOW) !== 0n) isWhole = false;
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
        closeSync(fd);
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
