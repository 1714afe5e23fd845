/** An archive of `docker save` or `podman save`: which of its images is meant, and what that says of itself. */
import { type Digest, sha256 } from '../../kit/digest.ts';
import { wrongUse } from '../../kit/errors.ts';
import { wrongDigest } from '../incoming.ts';
import { normaliseTag } from '../references.ts';
import { broken, type DescribedImage, describeWithLayers, readJson, required } from './described.ts';
import type { ImageFiles } from './image-files.ts';

/** Reads the image of a `docker save` archive; `reference` is one of its names. */
export function describeDockerArchive(files: ImageFiles, reference?: string): DescribedImage {
  const all = readJson<{ Config?: string; RepoTags?: string[] | null; Layers?: string[] }[]>(
    required(files, 'manifest.json'),
    files.place,
  );
  const isAsked = (tag: string) => tag === reference || fullName(tag) === fullName(reference ?? '');
  const matches = reference === undefined ? all : all.filter(({ RepoTags }) => RepoTags?.some(isAsked));
  const [image] = matches;
  if (image === undefined || matches.length > 1) {
    const tags = all.flatMap(({ RepoTags }) => RepoTags ?? []);
    throw wrongUse(
      'unknown-image',
      `${files.place} has ${matches.length === 0 ? `no image \`${reference}\`` : 'several images'}.`,
      { hint: `Name one of: ${tags.join(', ')}` },
    );
  }
  const bytes = required(files, image.Config ?? '');
  const { diffIds, ...facts } = describeWithLayers(bytes, files.place, image.Layers?.length);
  const named = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(image.Config ?? '')?.[1];
  if (named !== undefined && sha256(bytes) !== `sha256:${named}`)
    throw wrongDigest(image.Config ?? '', files.place);
  const layers = (image.Layers ?? []).map((name, at) => {
    const file = files.find(name);
    if (file === undefined) throw broken(files.place, `the layer ${name} is missing`);
    return { file, diffId: diffIds[at] as Digest };
  });
  return { identity: sha256(bytes), ...facts, layers, names: image.RepoTags ?? [] };
}

/** In an archive names stand in full or as they were typed. */
function fullName(name: string): string {
  try {
    return normaliseTag(name);
  } catch {
    return name;
  }
}
