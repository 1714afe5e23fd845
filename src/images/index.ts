/** Images: their records, layers, outputs, and what is imported. */
export type { ImageContext } from './context.ts';
export {
  type HistoryFact,
  type ImageFacts,
  type IndexFacts,
  imageHistory,
  inspectAny,
  inspectImage,
} from './describe.ts';
export { type AspectName, type Difference, diffImages } from './difference.ts';
export { type Composed, compose, imageFor, topOf } from './indexes.ts';
export { type Layer, layersOf, type SnapshotLayer } from './layers.ts';
export { type ComposedImage, composeImage } from './manifest.ts';
export { type OutputOptions, type OutputRequest, type OutputResult, writeOutput } from './outputs/index.ts';
export type { SnapshotReader, SnapshotWriter } from './ports.ts';
export {
  type HistoryItem,
  type Image,
  type ImageState,
  isVerified,
  type NewImage,
  saveImage,
  saveIndex,
  type TaggedImage,
} from './records.ts';
export { formatReference, normaliseTag, parseReference, shortName } from './references.ts';
export type { ImportedTree, Importing } from './sources/import.ts';
export {
  type ImportRequest,
  identifySource,
  importImage,
  importSource,
  layoutHistory,
  type ResolvedSource,
  resolveSource,
} from './sources/index.ts';
export { findBroughtIn } from './sources/named.ts';
export { hostPlatform, isPlatform, platformText } from './sources/platform.ts';
export { findImage, listImages, removeImage, requireImage, tagImage, tagsOf } from './tags.ts';
