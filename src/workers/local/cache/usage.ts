/** What the store's disk is used for. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isBtrfs } from '../../../kit/btrfs.ts';
import { folderBytes } from '../../../kit/disk-use.ts';
import { explainSystemError, UserError } from '../../../kit/errors.ts';
import type { SnapshotId } from '../../../plan/index.ts';
import { foldsOf } from '../../../store/folds.ts';
import type { Store } from '../../../store/store.ts';
import { listVolumes, type Volume, volumeBytes } from '../../../volumes/index.ts';
import { findProgram } from '../runtimes/programs.ts';
import type { CachedSnapshot } from './select.ts';

export interface CacheRow extends CachedSnapshot {
  stage: string;
  title: string;
  folders: string[];
  createdMs: number;
  durationMs: number;
}

/** All snapshots with the size of their own change, which is measured once: a snapshot never changes. */
export function listSnapshots(store: Store): CacheRow[] {
  const rows = store.db
    .prepare(
      `SELECT id, parent, bytes, stage, title, folders, ${foldsOf('s.id')} AS folds, created_ms AS createdMs, last_used_ms AS lastUsedMs,
         duration_ms AS durationMs FROM snapshots s ORDER BY last_used_ms DESC, created_ms DESC`,
    )
    .all() as unknown as (Omit<CacheRow, 'bytes' | 'folders'> & {
    bytes: number | null;
    folders: string;
    folds: string;
  })[];
  const unmeasured = rows.filter(({ bytes }) => bytes === null);
  const measured = measure(
    store,
    unmeasured.map(({ id, folders }) => ({ id, folder: ownFolder(folders) })),
  );
  return rows.map(({ folders, folds, bytes, ...row }) => ({
    ...row,
    folders: [...(JSON.parse(folders) as string[]), ...(JSON.parse(folds) as string[])],
    bytes: bytes ?? measured.get(row.id) ?? 0,
  }));
}

/** A copy may stand on the folders of an earlier one: those are counted there. */
function ownFolder(folders: string): string {
  return (JSON.parse(folders) as string[])[0] ?? '';
}

function measure(
  store: Store,
  snapshots: readonly { id: SnapshotId; folder: string }[],
): Map<SnapshotId, number> {
  const sizes = new Map<SnapshotId, number>();
  if (snapshots.length === 0) return sizes;
  const sizeOf = isBtrfs(store.dir) ? exclusiveBytes : folderBytes;
  const update = store.db.prepare('UPDATE snapshots SET bytes = ? WHERE id = ?');
  for (const { id, folder } of snapshots) {
    const bytes = sizeOf(join(store.dir, 'snapshots', folder));
    if (bytes === undefined) continue;
    sizes.set(id, bytes);
    // What a subvolume has alone changes as those that share with it come and go.
    if (sizeOf === folderBytes) remember(() => update.run(bytes, id));
  }
  return sizes;
}

/** On a full or read-only disk sizes are measured again the next time. */
function remember(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!(explainSystemError(error, 'measuring snapshots') instanceof UserError)) throw error;
  }
}

/** Bytes that no other subvolume shares. */
function exclusiveBytes(subvolume: string): number | undefined {
  const program = findProgram('btrfs');
  if (program === undefined) return undefined;
  const { stdout, status } = spawnSync(program, ['filesystem', 'du', '-s', '--raw', subvolume], {
    encoding: 'utf8',
  });
  const exclusive = /^\s*\d+\s+(\d+)/m.exec(stdout ?? '')?.[1];
  return status === 0 && exclusive !== undefined ? Number(exclusive) : undefined;
}

export interface UsageLine {
  what: string;
  count: number;
  bytes: number;
}

/** Disk use by kind. */
export function usageByKind(store: Store): UsageLine[] {
  const snapshots = listSnapshots(store);
  const folderLine = (what: string, folder: string) => {
    const path = join(store.dir, folder);
    return { what, count: existsSync(path) ? readdirSync(path).length : 0, bytes: folderBytes(path) };
  };
  const volumes = listVolumes(store);
  const volumeLine = (what: string, kind: Volume['kind']) => {
    const bytes = volumes.filter((each) => each.kind === kind).map(({ name }) => volumeBytes(store, name));
    return { what, count: bytes.length, bytes: bytes.reduce((sum, one) => sum + one, 0) };
  };
  return [
    {
      what: 'snapshots',
      count: snapshots.length,
      bytes: snapshots.reduce((sum, { bytes }) => sum + bytes, 0),
    },
    folderLine('blobs', 'blobs/sha256'),
    folderLine('logs', 'logs'),
    folderLine('failed steps', 'kept'),
    folderLine('downloads', 'downloads'),
    volumeLine('cache volumes', 'cache'),
    volumeLine('volumes', 'user'),
  ];
}
