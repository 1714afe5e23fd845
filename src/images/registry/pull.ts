/** Brings an image of a registry into the store: its layers as snapshots, and a record that knows where it came from. */
import type { Digest } from '../../kit/digest.ts';
import type { Platform } from '../../plan/index.ts';
import { type Image, imageByOrigin, saveImage, setOrigin, tagFromRegistry } from '../records.ts';
import { formatReference, parseReference, type Reference, shortName } from '../references.ts';
import { type DescribedImage, describeWithLayers, type LayerBlob } from '../sources/described.ts';
import { type Importing, importLayers } from '../sources/import.ts';
import { isPlatform, wrongPlatform } from '../sources/platform.ts';
import type { Registry } from './client.ts';
import { openConnector } from './connect.ts';
import { blobStream } from './download.ts';
import type { Reach } from './endpoint.ts';
import { type Manifest, readManifest } from './manifests.ts';
import { type KnownManifest, rememberBlobs } from './records.ts';
import { firstThatAnswers, resolveManifest } from './resolve.ts';

/** The image of a manifest; fetches only layers that the store lacks. */
export async function importManifest(
  importing: Importing,
  known: KnownManifest,
  reach: Reach = {},
): Promise<Image> {
  const { context } = importing;
  const { db } = context.store;
  const place = shortName(`${known.repository}@${known.digest}`);
  const manifest = readManifest(known, place);
  const reference = parseReference(`${known.repository}@${known.digest}`);
  using connector = openConnector();
  const options = { connector, signal: context.signal };
  const image = await firstThatAnswers({ reference, ...reach }, options, async (registry) => {
    const described = describe(known, manifest, registry);
    const tree = await importLayers(importing, described, place);
    const { config, platform, createdMs, author } = described;
    return saveImage(db, {
      ...tree,
      root: '/',
      config,
      platform,
      ...(author === undefined ? {} : { author }),
      ...(createdMs === undefined ? {} : { createdMs }),
    });
  });
  setOrigin(db, image.id, known.digest);
  rememberBlobs(
    db,
    known.repository,
    [manifest.config, ...manifest.layers].map(({ digest }) => digest),
  );
  return imageByOrigin(db, known.digest) as Image;
}

function describe(known: KnownManifest, manifest: Manifest, registry: Registry): DescribedImage {
  const place = formatReference(parseReference(`${known.repository}@${known.digest}`));
  const { diffIds, ...facts } = describeWithLayers(known.config, place, manifest.layers.length);
  const layers = manifest.layers.map(({ digest, size, mediaType }, at): LayerBlob => {
    const diffId = diffIds[at] as Digest;
    return {
      diffId,
      digest,
      ...(digest !== diffId && { form: { digest, size, mediaType } }),
      file: { size, stream: (signal) => blobStream(registry, { digest, size }, signal) },
    };
  });
  return { identity: known.digest, ...facts, layers, names: [] };
}

export interface PullRequest extends Importing, Reach {
  reference: Reference;
  platform: Platform;
}

/** `image pull`: asks the registry, brings the image in, and gives it the name. */
export async function pullImage({
  reference,
  platform,
  insecure,
  ...importing
}: PullRequest): Promise<Image> {
  const { store, signal } = importing.context;
  const reach = insecure === undefined ? {} : { insecure };
  const known = await resolveManifest(store, { reference, platform, signal, ...reach });
  const image = await importManifest(importing, known, reach);
  const name = formatReference(reference);
  if (!isPlatform(image.platform, platform)) throw wrongPlatform(shortName(name), platform, [image.platform]);
  if (reference.digest === undefined) tagFromRegistry(store.db, name, image.id);
  return image;
}
