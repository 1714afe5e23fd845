/** What a command sees beside its image: folders of the host, volumes of the store, memory. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { copyMetadata } from '../../kit/copy-node.ts';
import { copyTree } from '../../kit/copy-tree.ts';
import { wrongUse } from '../../kit/errors.ts';
import { findInRoot } from '../../kit/in-root.ts';
import { statIfThere } from '../../kit/stat.ts';
import { lstatIfAny, readEntry } from '../../kit/walk.ts';
import { newId, type Run } from '../../store/runs.ts';
import type { Store } from '../../store/store.ts';
import { ensureVolume, fillIfEmpty, type UsedVolume, useVolume } from '../../volumes/index.ts';
import type { RunMount } from './runtimes/index.ts';

/** `target` is absolute, and resolved inside the image. */
export type CommandMount =
  /** A folder or file of the host, which has to be there. */
  | { type: 'bind'; source: string; target: string; readonly: boolean }
  | VolumeMount
  | { type: 'tmpfs'; target: string; options: readonly string[] };

interface VolumeMount {
  type: 'volume';
  /** Without one it is a new volume that goes with the run. */
  name?: string;
  /** Folder of the volume; default all of it. */
  path?: string;
  target: string;
  readonly: boolean;
  /** An empty volume begins with what the image has at the target. */
  copyUp: boolean;
}

/** Called when a volume has to be waited for, with who has it. */
export type VolumeWait = (volume: string, users: string) => void;

export interface OpenCommandMounts extends Disposable {
  mounts: readonly RunMount[];
}

/** Opens all mounts; `rootfs` is the image's root on the host. Volumes are in use until the result is disposed of. */
export async function openCommandMounts(
  store: Store,
  run: Run,
  rootfs: string,
  wanted: readonly CommandMount[],
  wait: { signal: AbortSignal; onWait: VolumeWait },
): Promise<OpenCommandMounts> {
  const used: UsedVolume[] = [];
  const end = () => {
    for (const volume of used.splice(0)) volume[Symbol.dispose]();
  };
  try {
    const mounts: RunMount[] = [];
    for (const mount of wanted) mounts.push(await open(mount));
    return { mounts, [Symbol.dispose]: end };
  } catch (error) {
    end();
    throw error;
  }

  async function open(mount: CommandMount): Promise<RunMount> {
    if (mount.type === 'tmpfs') return mount;
    if (mount.type === 'bind') {
      requireSource(mount.source);
      return mount;
    }
    const { target, readonly } = mount;
    const source = await openVolume(mount);
    return { type: 'bind', source, target, readonly };
  }

  async function openVolume({ name, path = '/', target, readonly, copyUp }: VolumeMount): Promise<string> {
    const covered = folderAt(rootfs, target);
    const content = copyUp ? covered : undefined;
    const fill = async (root: string) => {
      if (content === undefined) return;
      copyMetadata(readEntry(content, ''), root);
      await copyTree(content, root, { signal: wait.signal });
    };
    if (name === undefined) {
      const folder = join(run.dir, `volume-${newId()}`);
      mkdirSync(folder);
      await fill(folder);
      return folder;
    }
    const mode = readonly ? 'read' : 'write';
    const onWait = (users: string) => wait.onWait(name, users);
    const isNew = await ensureVolume(store, run, { name }, fill);
    if (content !== undefined && !isNew) await fillIfEmpty(store, run, name, fill);
    const volume = await useVolume(store, run, name, { mode, signal: wait.signal, onWait });
    used.push(volume);
    return inVolume(volume, path);
  }
}

function requireSource(source: string): void {
  if (statIfThere(source) !== undefined) return;
  throw wrongUse('missing-source', `${source} doesn't exist, so it can't be mounted.`, {
    hint: 'Make it first, or use a volume: a name without a `/`.',
  });
}

/** Host path of the image's folder that a volume covers; undefined where it has none. Throws when it is no folder. */
function folderAt(rootfs: string, target: string): string | undefined {
  const found = findInRoot(rootfs, target);
  if (found === undefined || lstatIfAny(found)?.isDirectory()) return found;
  throw wrongUse('bad-mount-target', `Nothing can be mounted at ${target} in the image: it is no folder.`, {
    hint: 'A volume is a folder: mount it at one.',
  });
}

function inVolume({ name, host }: UsedVolume, path: string): string {
  const found = findInRoot(host, path);
  if (found !== undefined) return found;
  throw wrongUse('missing-folder', `The volume ${name} has no ${path}.`);
}
