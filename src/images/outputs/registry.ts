/** The output `registry`: the image goes into the repositories that its names are of. */
import { wrongUse } from '../../kit/errors.ts';
import type { ImageContext } from '../context.ts';
import type { Image } from '../records.ts';
import { parseReference, type Reference } from '../references.ts';
import { type PushRequest, type PushResult, pushImage } from '../registry/push.ts';

export type SendOptions = Pick<
  PushRequest,
  'compression' | 'force' | 'clampSeconds' | 'insecure' | 'onProgress'
>;

/** Sends the image under all names, each repository once; the digest is that of the last. */
export async function sendToRegistries(
  context: ImageContext,
  image: Image,
  names: readonly string[],
  options: SendOptions,
): Promise<PushResult> {
  const repositories = new Map<string, Reference[]>();
  for (const name of names) {
    const reference = parseReference(name);
    if (reference.digest !== undefined)
      throw wrongUse('bad-reference', `\`${name}\` names a digest, which can't be given to an image.`);
    const repository = `${reference.domain}/${reference.path}`;
    repositories.set(repository, [...(repositories.get(repository) ?? []), reference]);
  }
  let bytes = 0;
  let last: PushResult | undefined;
  for (const references of repositories.values()) {
    last = await pushImage({ context, image, references, ...options });
    bytes += last.bytes;
  }
  if (last === undefined) {
    throw wrongUse('bad-output', 'The output of type registry has no name: where shall the image go?', {
      hint: 'Name the image: -t registry.example/app:1',
    });
  }
  return { digest: last.digest, bytes };
}
