/** btrfs subvolumes by ioctl (include/uapi/linux/btrfs.h of Linux), without a process for each. */
import { spawnSync } from 'node:child_process';
import { closeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isBtrfs, isFull } from './disk-space.ts';
import { removeAll } from './remove.ts';
import { ioctl, openFolder } from './system.ts';
import { lstatIfAny } from './walk.ts';

export { isBtrfs };

const BTRFS_FIRST_FREE_OBJECTID = 256n;
/** Writes out the log, and wakes who removes what is left of subvolumes. */
const BTRFS_IOC_SYNC = 0x9408;
const BTRFS_IOC_SUBVOL_CREATE = 0x5000940e;
const BTRFS_IOC_SNAP_DESTROY = 0x5000940f;
const BTRFS_IOC_SNAP_CREATE_V2 = 0x50009417;
const BTRFS_IOC_SUBVOL_GETFLAGS = 0x80089419;
const BTRFS_IOC_SUBVOL_SETFLAGS = 0x4008941a;
const BTRFS_SUBVOL_RDONLY = 2n;
const argumentBytes = 4096;
/** Offset of `name` in struct btrfs_ioctl_vol_args and in struct btrfs_ioctl_vol_args_v2. */
const nameOffset = 8;
const nameOffsetV2 = 56;

/** Whether a folder that lies on btrfs is the root of a subvolume. */
export function isSubvolume(path: string): boolean {
  return lstatIfAny(path)?.ino === BTRFS_FIRST_FREE_OBJECTID;
}

export function createSubvolume(path: string): void {
  inParent(path, (fd, name) => {
    ioctl(fd, BTRFS_IOC_SUBVOL_CREATE, argument(nameOffset, name), 'BTRFS_IOC_SUBVOL_CREATE');
  });
}

/** Makes a writable snapshot of the subvolume `from`. */
export function snapshotSubvolume(from: string, path: string): void {
  const source = openFolder(from);
  try {
    inParent(path, (fd, name) => {
      const request = argument(nameOffsetV2, name);
      request.writeBigInt64LE(BigInt(source), 0);
      ioctl(fd, BTRFS_IOC_SNAP_CREATE_V2, request, 'BTRFS_IOC_SNAP_CREATE_V2');
    });
  } finally {
    closeSync(source);
  }
}

function destroySubvolume(path: string): void {
  inParent(path, (fd, name) => {
    ioctl(fd, BTRFS_IOC_SNAP_DESTROY, argument(nameOffset, name), 'BTRFS_IOC_SNAP_DESTROY');
  });
}

/** Removes a subvolume with those that a step made inside of it, or whatever else is at `path`. */
export function removeSubvolume(path: string): void {
  if (lstatIfAny(path) === undefined) return;
  try {
    destroySubvolume(path);
  } catch {
    // Not a subvolume (a kill in the middle), or one that holds others.
    spawnSync('btrfs', ['property', 'set', path, 'ro', 'false'], { stdio: 'ignore' });
    const nested = spawnSync('btrfs', ['subvolume', 'list', '-o', path], { encoding: 'utf8' }).stdout ?? '';
    if (nested !== '')
      spawnSync(
        'find',
        [
          path,
          '-depth',
          '-mindepth',
          '1',
          '-inum',
          '256',
          '-exec',
          'btrfs',
          'subvolume',
          'delete',
          '{}',
          ';',
        ],
        { stdio: 'ignore' },
      );
    try {
      destroySubvolume(path);
    } catch {
      removeAll(path);
    }
  }
}

/** Where the subvolume isn't read-only yet, waits until the whole file system is written out, as each change of such a flag does. */
export function makeReadOnly(path: string): void {
  const fd = openFolder(path);
  try {
    const flags = Buffer.alloc(8);
    ioctl(fd, BTRFS_IOC_SUBVOL_GETFLAGS, flags, 'BTRFS_IOC_SUBVOL_GETFLAGS');
    const set = flags.readBigUInt64LE();
    if ((set & BTRFS_SUBVOL_RDONLY) !== 0n) return;
    flags.writeBigUInt64LE(set | BTRFS_SUBVOL_RDONLY);
    ioctl(fd, BTRFS_IOC_SUBVOL_SETFLAGS, flags, 'BTRFS_IOC_SUBVOL_SETFLAGS');
  } finally {
    closeSync(fd);
  }
}

function argument(offset: number, name: string): Buffer {
  const buffer = Buffer.alloc(argumentBytes);
  buffer.write(name, offset);
  return buffer;
}

function inParent(path: string, body: (fd: number, name: string) => void): void {
  const fd = openFolder(dirname(path));
  try {
    body(fd, basename(path));
  } finally {
    closeSync(fd);
  }
}

const patienceMs = 30_000;

/** A removed subvolume gives back its room a while later: waits for that on a disk that is full, and hurries it on. */
export async function untilRoom(dir: string): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (isBtrfs(dir) && isFull(dir) && Date.now() < deadline) {
    const fd = openFolder(dir);
    try {
      ioctl(fd, BTRFS_IOC_SYNC, Buffer.alloc(8), 'BTRFS_IOC_SYNC');
    } finally {
      closeSync(fd);
    }
    await sleep(50);
  }
}
