/**
 * Errors that a person can act on. A `UserError` says what failed, where, why and what to do; anything
 * else that is thrown is a bug of ours. Messages are put together in one place: `formatError`.
 */
import { hideLogins } from './url-logins.ts';

/** Process exit codes, as documented for the command line. */
export const ExitCode = {
  done: 0,
  buildFailed: 1,
  wrongUse: 2,
  outside: 3,
  drift: 4,
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** A place in a file that a person wrote. Lines and columns count from 1. */
export interface SourceLocation {
  file: string;
  line?: number;
  column?: number;
  /** Last line of the range, when it spans more than one. */
  endLine?: number;
}

export interface UserErrorFacts {
  /** Stable identifier in kebab-case, for programs: `missing-stage`. */
  code: string;
  /** One sentence: what failed and why. */
  message: string;
  /** What to do about it. */
  hint?: string;
  exitCode: ExitCode;
  location?: SourceLocation;
  cause?: unknown;
}

export class UserError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;
  readonly location: SourceLocation | undefined;

  constructor(facts: UserErrorFacts) {
    super(hideLogins(facts.message), facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'UserError';
    this.code = facts.code;
    this.hint = facts.hint === undefined ? undefined : hideLogins(facts.hint);
    this.exitCode = facts.exitCode;
    this.location = facts.location;
  }
}

/** A person used the program or a build file wrongly (exit code 2). */
export function wrongUse(code: string, message: string, rest: Partial<UserErrorFacts> = {}): UserError {
  return new UserError({ ...rest, code, message, exitCode: ExitCode.wrongUse });
}

/** Something outside of the build failed: a disk, a registry, a missing program (exit code 3). */
export function outside(code: string, message: string, rest: Partial<UserErrorFacts> = {}): UserError {
  return new UserError({ ...rest, code, message, exitCode: ExitCode.outside });
}

/** A quota is used up (errno.h of Linux). */
const EDQUOT = 122;

/** The `code` of a system error such as `ENOENT`, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return undefined;
  // Node has no name for it.
  return error.code === 'UNKNOWN' && 'errno' in error && error.errno === -EDQUOT ? 'EDQUOT' : error.code;
}

/** What SQLite's words for a full or failing disk and for a database without the right to write mean, as system errors. */
function sqliteErrno(error: unknown): string | undefined {
  const text = error instanceof Error ? error.message : '';
  if (/database or disk is full/i.test(text)) return 'ENOSPC';
  if (/disk I\/O error/i.test(text)) return 'EIO';
  if (!/attempt to write a readonly database/i.test(text)) return undefined;
  // Root has all rights: what refuses it is the disk.
  return process.getuid?.() === 0 ? 'EROFS' : 'EACCES';
}

/** The path of a system error, so that one sees where it is. */
function shorten(error: unknown): string {
  const path = error instanceof Error && 'path' in error ? String(error.path) : '';
  return path.length > 120 ? `${path.slice(0, 80)}…${path.slice(-40)}` : path;
}

/**
 * Turns system errors that a person can mend (full disk, no rights) into `UserError`s; gives back all
 * others as they are.
 */
export function explainSystemError(error: unknown, doing: string): unknown {
  if (error instanceof UserError) return error;
  const rest = { cause: error };
  if (error instanceof Error && 'syscall' in error && error.syscall === 'uv_cwd')
    return outside('no-current-folder', 'The folder that this was started in is gone.', {
      ...rest,
      hint: 'Change to one that is there: cd /',
    });
  if (error instanceof Error && /database is locked/i.test(error.message))
    return outside('store-busy', `The store was busy for too long while ${doing}.`, {
      ...rest,
      hint: 'Another process works on it, or the disk is slow: try again.',
    });
  switch (sqliteErrno(error) ?? errnoOf(error)) {
    case 'EIO':
      return outside('disk-error', `The disk could not be read or written to while ${doing}.`, {
        ...rest,
        hint: 'Look at its space (`df`), at its health (`dmesg`), and at the limit of a file (`ulimit -f`).',
      });
    case 'ENOSPC':
    case 'EDQUOT':
      return outside('no-space', `No space is left on the disk while ${doing}.`, {
        ...rest,
        hint: 'Free some space, or run `cambium cache prune`.',
      });
    case 'ENAMETOOLONG':
      return outside(
        'name-too-long',
        `A path is longer than the system takes while ${doing}: ${shorten(error)}.`,
        {
          ...rest,
          hint: 'A path may have 4095 bytes, and a name in it 255.',
        },
      );
    case 'ENOTDIR':
    case 'ELOOP':
      return outside(
        'no-such-path',
        `A path leads through a file, or through links in a circle, while ${doing}: ${shorten(error)}.`,
        rest,
      );
    case 'EPIPE':
      return outside('reader-gone', `What reads the output went away while ${doing}.`, rest);
    case 'EACCES':
    case 'EPERM':
      return outside('no-permission', `Permission was denied while ${doing}: ${(error as Error).message}.`, {
        ...rest,
        hint: moreRights(),
      });
    case 'EROFS':
      return readOnlyDisk(`The disk is read-only, while ${doing}: ${(error as Error).message}.`, error);
    default:
      return error;
  }
}

/** Root is refused where it is only called so: in a container, or in a user namespace. */
export function moreRights(): string {
  return process.getuid?.() === 0
    ? 'This root has not all rights: in a container, they take `docker run --privileged`. `cambium doctor` says more.'
    : 'Run as root, or choose another place with --store.';
}

/** Whoever asks: nothing can be written to a disk that is mounted read-only. */
export function readOnlyDisk(message: string, cause: unknown): UserError {
  return outside('read-only-disk', message, {
    cause,
    hint: 'Mount it to be written to, or choose another place.',
  });
}
