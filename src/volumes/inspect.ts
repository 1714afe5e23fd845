/** All that can be said of a volume. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { folderBytes } from '../kit/disk-use.ts';
import { lstatIfAny } from '../kit/walk.ts';
import type { Store } from '../store/store.ts';
import { dataDir, snapshotDir, volumeDir } from './names.ts';
import { requireVolume, type Volume } from './rows.ts';
import { liveUses } from './uses.ts';

export interface VolumeSnapshot {
  name: string;
  createdMs: number;
}

export interface VolumeFacts extends Volume {
  /** Host path of its data. */
  mountpoint: string;
  sizeBytes: number;
  /** Who uses it now: `cambium run (process 4711)`. */
  users: string[];
  snapshots: VolumeSnapshot[];
}

export function inspectVolume(store: Store, name: string): VolumeFacts {
  const volume = requireVolume(store, name);
  return {
    ...volume,
    mountpoint: dataDir(store, name),
    sizeBytes: volumeBytes(store, name),
    users: liveUses(store, name).map(({ user }) => user),
    snapshots: listSnapshots(store, name),
  };
}

/** Bytes on disk of a volume with its snapshots; what these share, or share with others, counts in each. */
export function volumeBytes(store: Store, name: string): number {
  return folderBytes(volumeDir(store, name));
}

/** The snapshots of a volume, the oldest first. */
function listSnapshots(store: Store, name: string): VolumeSnapshot[] {
  const folder = join(volumeDir(store, name), 'snapshots');
  if (lstatIfAny(folder) === undefined) return [];
  return readdirSync(folder)
    .map((snapshot) => {
      const stats = statSync(snapshotDir(store, name, snapshot));
      return { name: snapshot, createdMs: Math.round(stats.birthtimeMs || stats.ctimeMs) };
    })
    .sort((a, b) => a.createdMs - b.createdMs || (a.name < b.name ? -1 : 1));
}
