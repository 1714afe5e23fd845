/** Manifests and indexes in Docker's form (schema 2 of 2017), for registries that take no other. */
import { outside } from '../../kit/errors.ts';
import { mediaTypes, small } from '../manifest.ts';
import type { Document } from './push.ts';

const types: Readonly<Record<string, string>> = {
  [mediaTypes.manifest]: 'application/vnd.docker.distribution.manifest.v2+json',
  [mediaTypes.index]: 'application/vnd.docker.distribution.manifest.list.v2+json',
  [mediaTypes.config]: 'application/vnd.docker.container.image.v1+json',
  [mediaTypes.layer]: 'application/vnd.docker.image.rootfs.diff.tar',
  [`${mediaTypes.layer}+gzip`]: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
};

interface Part {
  mediaType: string;
}

/** The same document with Docker's names for what is in it; one that has them is given back. Throws where there is none for a part. */
export function dockerForm(document: Document): Document {
  const value = JSON.parse(document.bytes.toString('utf8')) as {
    config?: Part;
    layers?: Part[];
    manifests?: Part[];
    [field: string]: unknown;
  };
  const { config, layers, manifests } = value;
  const renamed = (part: Part) => ({ ...part, mediaType: typeOf(part.mediaType) });
  const mediaType = typeOf(document.mediaType);
  if (mediaType === document.mediaType) return document;
  const made = small({
    ...value,
    mediaType,
    ...(config && { config: renamed(config) }),
    ...(layers && { layers: layers.map(renamed) }),
    ...(manifests && { manifests: manifests.map(renamed) }),
  });
  return { ...made, mediaType };
}

function typeOf(mediaType: string): string {
  const known = types[mediaType] ?? mediaType;
  if (Object.values(types).includes(known)) return known;
  throw outside(
    'no-docker-form',
    `The registry takes no manifests of OCI, and in Docker's form there are none of the type ${mediaType}.`,
    { hint: 'Send layers with gzip: compression=gzip,force-compression=true.' },
  );
}
