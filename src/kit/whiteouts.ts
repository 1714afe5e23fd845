/** How an upper folder of overlayfs says that something is gone (Documentation/filesystems/overlayfs.rst of Linux). */
import { getXattr } from './system.ts';

export const opaqueXattr = 'trusted.overlay.opaque';

/** Whether the entry hides one of its name below: a character device 0:0. */
export function isWhiteout(stats: { mode: bigint; rdev: bigint }): boolean {
  return (stats.mode & 0o170000n) === 0o020000n && stats.rdev === 0n;
}

/** Whether a folder hides all that is below it. */
export function isOpaque(folder: string): boolean {
  return getXattr(folder, opaqueXattr)?.toString() === 'y';
}
