/** Files that a step makes at each of its runs with the time in their names: a run on the last result begins without them. */
import { rmSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fsPath } from '../../../kit/names.ts';
import { timelessName } from '../../../kit/time-names.ts';
import { joinPath, listFolder, lstatIfAny } from '../../../kit/walk.ts';
import { folderCheck } from './real-folders.ts';

/** `touches`: those of its own paths that a step touches; names with a time in them are there as `timelessName`. `base`: what it runs on. */
export function removeLitter(root: string, base: string, touches: ReadonlySet<string>): void {
  const folders = new Set(
    [...touches].filter((path) => path.includes('*')).map((path) => posix.dirname(path)),
  );
  const [isFolder, isBaseFolder] = [folderCheck(root), folderCheck(base)];
  for (const folder of folders) {
    if (!isFolder(folder)) continue;
    for (const name of listFolder(join(root, folder))) {
      const path = joinPath(folder === '.' ? '' : folder, name);
      const isOwn = !isBaseFolder(folder) || lstatIfAny(join(base, path)) === undefined;
      if (timelessName(path) !== path && touches.has(timelessName(path)) && isOwn)
        rmSync(fsPath(join(root, path)), { force: true });
    }
  }
}
