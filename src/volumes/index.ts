export { createVolume, ensureVolume, type NewVolume, removeVolumes } from './create.ts';
export { inspectVolume, listSnapshots, type VolumeFacts, volumeBytes } from './inspect.ts';
export { checkName, parsePlace, parseVolumeUrl, shownPlace, type VolumePlace } from './names.ts';
export { findVolume, listVolumes, requireVolume, type Volume } from './rows.ts';
export {
  type Fork,
  forkVolume,
  type OpenRequest,
  type UsedVolume,
  type UseRequest,
  useVolume,
} from './use.ts';
export { liveUses } from './uses.ts';
