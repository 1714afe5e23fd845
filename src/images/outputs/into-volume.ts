/** Outputs whose dest is `volume://NAME/PATH`: written into a fork of the volume, which takes its place when all is there. */
import { mkdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { mergeInto } from '../../kit/copy-tree.ts';
import { wrongUse } from '../../kit/errors.ts';
import { findInRoot } from '../../kit/in-root.ts';
import { removeTree } from '../../kit/tar/safe-root.ts';
import { lstatIfAny } from '../../kit/walk.ts';
import { beginRun, newId } from '../../store/runs.ts';
import { forkVolume, parseVolumeUrl } from '../../volumes/index.ts';
import type { ImageContext } from '../context.ts';

/**
 * Calls `write` with the host path to write to: `dest` itself, or a new name in a fork of a volume. A volume that isn't
 * there is made; while others use it, `onWait` is called with who they are.
 */
export async function intoVolume<T>(
  { store, signal }: Pick<ImageContext, 'store' | 'signal'>,
  dest: string | undefined,
  write: (dest: string | undefined) => Promise<T>,
  onWait: (users: string) => void,
): Promise<T> {
  const place = dest === undefined ? undefined : parseVolumeUrl(dest);
  if (place === undefined) return write(dest);
  const { name, snapshot, path } = place;
  if (snapshot !== undefined)
    throw wrongUse('bad-output', `${dest} is a snapshot: outputs are written to volumes.`);
  using run = beginRun(store);
  using fork = await forkVolume(store, run, name, { create: true, alone: true, signal, onWait });
  const written = join(fork.host, `.${newId()}`);
  const result = await write(dest?.endsWith('/') ? `${written}/` : written);
  if (lstatIfAny(written)?.isDirectory()) {
    const folder = makeFolders(fork.host, path, name);
    mergeInto(written, folder);
    removeTree(written);
  } else {
    const folder = makeFolders(fork.host, join(path, '..'), name);
    const target = join(folder, basename(path));
    if (path === '/' || lstatIfAny(target)?.isDirectory())
      throw wrongUse('dest-is-a-folder', `The output's dest ${dest} is a folder.`, {
        hint: 'Name the file to write in it.',
      });
    renameSync(written, target);
  }
  await fork.keep();
  return result;
}

/** Host path of the folder `path` below `root`, made where it is missing; no link leads out of `root`. */
function makeFolders(root: string, path: string, name: string): string {
  let host = root;
  const names = path.split('/').filter((part) => part !== '');
  for (const [index, part] of names.entries()) {
    const at = `/${names.slice(0, index + 1).join('/')}`;
    const found = findInRoot(root, at);
    if (found === undefined && lstatIfAny(join(host, part)) === undefined) mkdirSync(join(host, part), 0o755);
    host = found ?? join(host, part);
    if (!lstatIfAny(host)?.isDirectory())
      throw wrongUse('dest-is-a-file', `${at} of the volume ${name} is no folder.`);
  }
  return host;
}
