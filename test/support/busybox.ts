/** A small system of busybox, as an image to build on. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CliOptions, cambiumOk } from './cli.ts';

/** Makes the folder `dir` a root file system with all of busybox's commands. */
export function writeBusybox(dir: string): void {
  for (const name of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp', 'root'])
    mkdirSync(join(dir, name), { recursive: true });
  copyFileSync('/bin/busybox', join(dir, 'bin/busybox'));
  const names = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const name of names) if (name !== 'busybox') symlinkSync('busybox', join(dir, 'bin', name));
  writeFileSync(join(dir, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\n');
  writeFileSync(join(dir, 'etc/group'), 'root:x:0:\n');
}

/** Brings it into a store as the image `base`; `dir` is a free folder. */
export function importBusybox(dir: string, options: CliOptions): void {
  writeBusybox(dir);
  cambiumOk(['image', 'import', dir, 'base'], options);
}
