/** Images: their records, layers, outputs, and what is imported. */
export type { ImageContext } from './context.ts';
export { imageHistory, inspectAny, inspectImage } from './describe.ts';
export { type Difference, diffImages } from './difference.ts';
export { compose, topOf } from './indexes.ts';
export { layersOf } from './layers.ts';
export { composeImage } from './manifest.ts';
export { type OutputRequest, writeOutput } from './outputs/index.ts';
export {
  type HistoryItem,
  type Image,
  type ImageState,
  isVerified,
  saveImage,
  saveIndex,
} from './records.ts';
export { formatReference, normaliseTag, parseReference, shortName } from './references.ts';
export { identifySource, importImage, importSource, layoutHistory, resolveSource } from './sources/index.ts';
export { findBroughtIn } from './sources/named.ts';
export { hostPlatform, isPlatform, platformText } from './sources/platform.ts';
export { findImage, listImages, removeImage, requireImage, tagImage, tagsOf } from './tags.ts';
