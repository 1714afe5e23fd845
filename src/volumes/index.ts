export { type Archive, importArchive, unpackArchive } from './archives.ts';
export { cloneVolume, fillIfEmpty, removeSnapshot, restoreVolume, snapshotVolume } from './copies.ts';
export { createVolume, ensureVolume, type NewVolume, removeVolumes } from './create.ts';
export { type Exported, exportTar, exportTo } from './export.ts';
export { inspectVolume, listSnapshots, type VolumeFacts, volumeBytes } from './inspect.ts';
export { checkName, parsePlace, parseVolumeUrl, shownPlace, type VolumePlace } from './names.ts';
export { checkVolumes, type PrunedVolume, pruneCaches } from './prune.ts';
export { findVolume, listVolumes, requireVolume, type Volume } from './rows.ts';
export { requireSnapshot, withStill } from './still.ts';
export {
  type Fork,
  forkVolume,
  type OpenRequest,
  type UsedVolume,
  type UseRequest,
  useVolume,
} from './use.ts';
export { liveUses } from './uses.ts';
