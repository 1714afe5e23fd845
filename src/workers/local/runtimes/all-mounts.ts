/** The mounts of one run, in their order, and the mount points that they need. */
import { lstatSync, statSync } from 'node:fs';
import { wrongUse } from '../../../kit/errors.ts';
import { type MountTarget, prepareMountpoints, systemTargets } from './mountpoints.ts';
import { writeNetworkFiles } from './network.ts';
import type { RunMount, RunRequest } from './types.ts';

/** The request's mounts, outer ones first, and then the network's files where no mount of the request stands. */
export function allMounts(request: RunRequest): RunMount[] {
  const depth = (mount: RunMount) => mount.target.split('/').filter(Boolean).length;
  const own = [...request.mounts].sort((a, b) => depth(a) - depth(b));
  const taken = new Set(own.map(({ target }) => target));
  return [...own, ...writeNetworkFiles(request).filter(({ target }) => !taken.has(target))];
}

/** The mount points of a run, by the host folder in which they are: the rootfs, or what a mount that covers them shows. */
export function mountTargets(rootfs: string, mounts: readonly RunMount[]): Map<string, MountTarget[]> {
  const byRoot = new Map<string, MountTarget[]>([
    [rootfs, systemTargets.map((path) => ({ path, kind: 'folder' as const }))],
  ]);
  for (const mount of mounts) {
    const place = placeOf(mount, mounts);
    if (place === undefined) continue;
    const root = place.root ?? rootfs;
    byRoot.set(root, [...(byRoot.get(root) ?? []), { path: place.path, ...targetOf(mount) }]);
  }
  return byRoot;
}

/** Makes the mount points that are missing; the function it returns takes them away again. */
export function prepareAll(rootfs: string, mounts: readonly RunMount[]): () => void {
  const undos: (() => void)[] = [];
  const undo = () => {
    for (const each of undos.splice(0).reverse()) each();
  };
  try {
    for (const [root, targets] of mountTargets(rootfs, mounts)) undos.push(prepareMountpoints(root, targets));
  } catch (error) {
    undo();
    throw error;
  }
  return undo;
}

/**
 * Where a mount's target is to be made: below the source of the bind mount that covers it, or in the rootfs
 * (no `root`); undefined where the runtime makes it in a fresh tmpfs.
 */
function placeOf(mount: RunMount, all: readonly RunMount[]): { root?: string; path: string } | undefined {
  const isBelow = (target: string) => mount.target.startsWith(`${target.replace(/\/+$/, '')}/`);
  if (systemTargets.some(isBelow)) return undefined;
  const cover = all.filter((other) => other !== mount && isBelow(other.target)).at(-1);
  if (cover === undefined) return { path: mount.target };
  if (cover.type === 'tmpfs') return undefined;
  const path = mount.target.slice(cover.target.replace(/\/+$/, '').length);
  if (!cover.readonly) return { root: cover.source, path };
  if (lstatSync(cover.source + path, { throwIfNoEntry: false }) !== undefined) return undefined;
  throw wrongUse(
    'bad-mount-target',
    `Nothing can be mounted at ${mount.target}: ${cover.target} is read-only.`,
    {
      hint: 'Mount it elsewhere.',
    },
  );
}

/** A runtime gives a tmpfs the mode of the folder that it covers. */
function targetOf(mount: RunMount): Omit<MountTarget, 'path'> {
  if (mount.type === 'bind') return { kind: statSync(mount.source).isDirectory() ? 'folder' : 'file' };
  const mode = mount.options?.findLast((option) => option.startsWith('mode='))?.slice('mode='.length);
  return { kind: 'folder', mode: mode === undefined ? 0o1777 : Number.parseInt(mode, 8) };
}
