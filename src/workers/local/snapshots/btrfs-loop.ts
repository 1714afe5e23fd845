/** A btrfs file system in a file, mounted where a store is to be: for machines without a btrfs partition. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { outside, wrongUse } from '../../../kit/errors.ts';
import { makeFolder } from '../../../kit/make-folder.ts';
import { findProgram } from '../runtimes/programs.ts';

/** mkfs.btrfs refuses less than about 109 MiB. */
const smallestBytes = 128 * 2 ** 20;

export interface BtrfsLoop {
  /** The file that holds the file system. */
  file: string;
  /** Whether it was made now; else it was there, and only mounted. */
  isNew: boolean;
}

/**
 * Makes `DIR.btrfs` (sparse, `sizeBytes` long) and mounts it at `dir`. A file that is there already is mounted again,
 * as after a boot. Throws `UserError` when `dir` holds something, when a program is missing, or when not root.
 */
export function mountBtrfsLoop(dir: string, sizeBytes: number): BtrfsLoop {
  const file = `${dir}.btrfs`;
  if (isMountPoint(dir)) {
    throw wrongUse('already-mounted', `Something is mounted at ${dir} already.`, {
      hint: `See it with: findmnt ${dir}`,
    });
  }
  const isNew = !existsSync(file);
  if (isNew && sizeBytes < smallestBytes) {
    throw wrongUse('bad-value', 'A store on btrfs needs 128m or more.', { hint: 'For example: --size 20g' });
  }
  makeFolder(dir);
  if (readdirSync(dir).length > 0) {
    throw wrongUse('folder-not-empty', `The folder ${dir} is not empty.`, { hint: 'Name a new folder.' });
  }
  if (isNew) makeFile(file, sizeBytes);
  call('mount', ['-t', 'btrfs', '-o', 'loop,noatime', file, dir], 'mount');
  return { file, isNew };
}

function makeFile(file: string, sizeBytes: number): void {
  // Under a name of its own until it is whole, so that an interrupted attempt is not mounted by the next one.
  const temporary = `${file}.${process.pid}`;
  try {
    const fd = openSync(temporary, 'wx', 0o600);
    ftruncateSync(fd, sizeBytes);
    closeSync(fd);
    call('mkfs.btrfs', ['--quiet', '--label', 'cambium', temporary], 'btrfs-progs');
    renameSync(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function isMountPoint(dir: string): boolean {
  const escaped = dir.replace(/[\\ \t\n]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[1] === escaped);
}

function call(name: string, args: readonly string[], debianPackage: string): void {
  const program = findProgram(name);
  if (program === undefined) {
    throw outside('missing-program', `The program ${name} is not installed.`, {
      hint: `Install it: apt-get install ${debianPackage}`,
    });
  }
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return;
  const why = error?.message ?? stderr.trim().split('\n').at(-1) ?? '';
  throw outside('btrfs-store', `${name} failed: ${why}.`, {
    ...(process.getuid?.() === 0 ? {} : { hint: 'Mounting takes root: sudo cambium store create …' }),
  });
}
