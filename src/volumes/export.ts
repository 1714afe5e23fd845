/** What a volume holds, as a folder of the host or as a tar. */
import { mkdirSync, realpathSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { copyTree, mergeInto } from '../kit/copy-tree.ts';
import { explainSystemError, wrongUse } from '../kit/errors.ts';
import { fsPath } from '../kit/names.ts';
import { statIfThere } from '../kit/stat.ts';
import { setTimes } from '../kit/system.ts';
import { copyEntry } from '../kit/tar/copy-entry.ts';
import { treeMembers } from '../kit/tar/members.ts';
import { packTar } from '../kit/tar/pack.ts';
import { removeTree } from '../kit/tar/safe-root.ts';
import type { Entry } from '../kit/tree.ts';
import { readEntry } from '../kit/walk.ts';
import { newId, type RunHandle } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import { shownPlace, type VolumePlace } from './names.ts';
import { type ReadOptions, withStill } from './still.ts';

export interface ExportOptions extends ReadOptions {
  /** Keep owners, set-id bits, capabilities and devices, as `docker cp --archive` keeps owners. */
  archive?: boolean;
}

export interface Exported {
  bytes: number;
  /** Files without their set-id bits or capabilities now. */
  tamed: number;
  /** Devices that were left out. */
  devices: number;
}

/** Writes a file or the content of a folder to `dest`: what has the same name there is replaced, all else stays. */
export async function exportTo(
  store: Store,
  run: RunHandle,
  place: VolumePlace,
  dest: string,
  options: ExportOptions = {},
): Promise<Exported> {
  return withStill(store, run, place, (host) => copyOut(host, place, dest, options), options);
}

async function copyOut(
  host: string,
  place: VolumePlace,
  dest: string,
  { archive = false, signal }: ExportOptions,
): Promise<Exported> {
  const told: Exported = { bytes: 0, tamed: 0, devices: 0 };
  const adapt = archive ? (entry: Entry) => entry : tamer(told);
  const there = statIfThere(dest);
  const entry = adapt(readEntry(host, ''));
  if (entry === undefined) throw wrongUse('not-a-file', `${shownPlace(place)} is a device.`);
  const isFolder = entry.type === 'directory';
  if (isFolder && there !== undefined && !there.isDirectory())
    throw wrongUse('dest-is-a-file', `${dest} is a file, and ${shownPlace(place)} is a folder.`);
  const into = !isFolder && (there?.isDirectory() || dest.endsWith('/'));
  const target = into ? join(dest, basename(place.path)) : there ? realpathSync(dest) : dest;
  const beside = join(dirname(target), `.${basename(target)}.${newId()}.tmp`);
  try {
    if (isFolder) {
      mkdirSync(beside);
      told.bytes = await copyTree(host, beside, { signal, adapt });
      if (there !== undefined) mergeInto(beside, target);
      else {
        setTimes(beside, entry.mtimeNs);
        renameSync(beside, target);
      }
    } else {
      await copyEntry(entry, host, beside, signal);
      told.bytes = entry.size;
      renameSync(fsPath(beside), fsPath(target));
    }
  } catch (error) {
    if (statIfThere(dirname(target))?.isDirectory()) {
      throw explainSystemError(error, `writing ${dest}`);
    }
    throw wrongUse('no-such-folder', `There is no folder ${dirname(target)} to write to.`, { cause: error });
  } finally {
    removeTree(beside);
  }
  return told;
}

/**
 * Whoever runs in a container may have made what it likes: on the host a file that runs with the rights of root, or a
 * device, would be a way in. So entries belong to who exports, and have no rights beyond that.
 */
function tamer(told: Exported): (entry: Entry) => Entry | undefined {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  return (entry) => {
    if (entry.type === 'char' || entry.type === 'block') {
      told.devices += 1;
      return undefined;
    }
    const xattrs = new Map([...(entry.xattrs ?? [])].filter(([name]) => name.startsWith('user.')));
    const mode = entry.mode & ~0o6000;
    const isTamed =
      entry.type === 'file' && (mode !== entry.mode || entry.xattrs?.has('security.capability') === true);
    if (isTamed) told.tamed += 1;
    const { xattrs: _, ...rest } = entry;
    return { ...rest, uid, gid, mode, ...(xattrs.size > 0 && { xattrs }) };
  };
}

/** Packs a file or the content of a folder into the empty open file `fd`, with all that it has. Returns the length. */
export async function exportTar(
  store: Store,
  run: RunHandle,
  place: VolumePlace,
  fd: number,
  { signal }: ReadOptions = {},
): Promise<number> {
  return withStill(store, run, place, async (host) => {
    const { size } = await packTar(treeMembers(host, undefined, basename(place.path)), {
      output: fd,
      hash: false,
      ...(signal && { signal }),
    });
    return size;
  });
}
