/** Images: their records, layers, outputs, and what is imported. */
export type { ImageContext } from './context.ts';
export { type HistoryFact, type ImageFacts, imageHistory, inspectImage } from './describe.ts';
export { type AspectName, type Difference, diffImages } from './difference.ts';
export { type Layer, type SnapshotLayer, layersOf } from './layers.ts';
export { type ComposedImage, composeImage } from './manifest.ts';
export { type OutputOptions, type OutputRequest, type OutputResult, writeOutput } from './outputs/index.ts';
export type { SnapshotReader, SnapshotWriter } from './ports.ts';
export {
  type HistoryItem,
  type Image,
  type NewImage,
  type TaggedImage,
  findImage,
  listImages,
  removeImage,
  requireImage,
  saveImage,
  tagImage,
  tagsOf,
} from './records.ts';
export { formatReference, normaliseTag, parseReference, shortName } from './references.ts';
export { type ImportedTree, type Importing } from './sources/import.ts';
export { hostPlatform } from './sources/platform.ts';
export { type ImportRequest, type ResolvedSource, identifySource, importImage, importSource, resolveSource } from './sources/index.ts';
