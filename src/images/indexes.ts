/** Images of several platforms under one name: an index, as OCI has it. */
import { wrongUse } from '../kit/errors.ts';
import type { Platform } from '../plan/index.ts';
import type { ImageContext } from './context.ts';
import {
  type ComposedImage,
  type ComposeOptions,
  composeImage,
  descriptor,
  mediaTypes,
  type SmallBlob,
  small,
} from './manifest.ts';
import { type Image, setManifest } from './records.ts';
import { isPlatform, platformText } from './sources/platform.ts';

export interface ComposedIndex {
  index: SmallBlob;
  images: readonly ComposedImage[];
}

export type Composed = ComposedImage | ComposedIndex;

/** Manifest, configuration and layers of an image; of an index, the index and those of all its images. */
export async function compose(
  context: ImageContext,
  image: Image,
  options: ComposeOptions,
): Promise<Composed> {
  if (image.members === undefined) return composeImage(context, image, options);
  const images: ComposedImage[] = [];
  for (const member of image.members) images.push(await composeImage(context, member, options));
  const index = small({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: images.map(({ manifest }, at) => ({
      ...descriptor(mediaTypes.manifest, manifest),
      platform: image.members?.[at]?.platform,
    })),
  });
  setManifest(context.store.db, image.id, index.digest);
  return { index, images };
}

/** What names the whole: the manifest, or the index. */
export function topOf(composed: Composed): { mediaType: string; blob: SmallBlob } {
  return 'index' in composed
    ? { mediaType: mediaTypes.index, blob: composed.index }
    : { mediaType: mediaTypes.manifest, blob: composed.manifest };
}

/** The image for a platform: of an index one of its images, else the image itself, whatever it is for. */
export function imageFor(image: Image, platform: Platform): Image {
  if (image.members === undefined) return image;
  const found = image.members.find((member) => isPlatform(member.platform, platform));
  if (found !== undefined) return found;
  const known = image.members.map((member) => platformText(member.platform)).join(', ');
  throw wrongUse(
    'missing-platform',
    `The image ${image.id.slice(0, 12)} has nothing for ${platformText(platform)}.`,
    {
      hint: `It has ${known}.`,
    },
  );
}
