/** `image push` and `-o type=registry`: brings an image, or an index with its images, into a repository under names. */
import type { Digest } from '../../kit/digest.ts';
import { outside, UserError } from '../../kit/errors.ts';
import type { ImageContext } from '../context.ts';
import { descriptor, mediaTypes, type SmallBlob, small } from '../manifest.ts';
import type { Image } from '../records.ts';
import type { Reference } from '../references.ts';
import { discard } from './body.ts';
import { openRegistry } from './client.ts';
import type { Compression } from './compressions.ts';
import { openConnector } from './connect.ts';
import { ownEndpoint, type Reach } from './endpoint.ts';
import { bytesBody } from './forms.ts';
import { type Push, pushScope, sendImage } from './push-image.ts';
import { forgetBlobs } from './records.ts';

export interface PushRequest extends Reach {
  context: ImageContext;
  image: Image;
  /** Of one repository: what is sent gets all of these names. */
  references: readonly Reference[];
  /** Of layers that have to be packed: gzip where nothing is said. With `force` all layers have it. */
  compression?: Compression;
  force?: boolean;
  /** SOURCE_DATE_EPOCH, in seconds. */
  clampSeconds?: number;
  onProgress?: (message: string) => void;
}

export interface PushResult {
  /** Of the manifest or index that the names lead to now. */
  digest: Digest;
  /** That went over: what was there or was mounted doesn't count. */
  bytes: number;
}

/** A manifest or index, ready to be named. */
export interface Document extends SmallBlob {
  mediaType: string;
}

/** Nothing is named before all that it stands on is there. */
export async function pushImage(request: PushRequest): Promise<PushResult> {
  const { context, references, image, insecure, ...rest } = request;
  const endpoint = ownEndpoint(references[0] as Reference, insecure === undefined ? {} : { insecure });
  const stop = new AbortController();
  const signal = context.signal ? AbortSignal.any([context.signal, stop.signal]) : stop.signal;
  using connector = openConnector();
  const registry = openRegistry(endpoint, { connector, signal });
  const tally = { bytes: 0 };
  const common = { ...rest, context: { ...context, signal }, registry, connector, tally, stop };
  const names = references.map(({ tag, digest }) => digest ?? tag ?? 'latest');
  try {
    return { digest: await send({ ...common, trusts: true }, image, names), bytes: tally.bytes };
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== missingBlobs) throw error;
    // The repository has lost what was seen there: now all of it is asked for.
    forgetBlobs(context.store.db, registry.repository);
    return { digest: await send({ ...common, trusts: false }, image, names), bytes: tally.bytes };
  }
}

async function send(push: Push, image: Image, names: readonly string[]): Promise<Digest> {
  const document =
    image.members === undefined ? await sendImage(push, image) : await sendIndex(push, image.members);
  for (const name of names) await putManifest(push, name, document);
  return document.digest;
}

async function sendIndex(push: Push, members: readonly Image[]): Promise<Document> {
  const manifests = [];
  for (const member of members) {
    const document = await sendImage(push, member);
    await putManifest(push, document.digest, document);
    manifests.push({ ...descriptor(document.mediaType, document), platform: member.platform });
  }
  const mediaType = mediaTypes.index;
  return { ...small({ schemaVersion: 2, mediaType, manifests }), mediaType };
}

const missingBlobs = 'missing-blobs';

async function putManifest({ registry }: Push, name: string, { bytes, mediaType }: Document): Promise<void> {
  const answer = await registry.send({
    method: 'PUT',
    at: `manifests/${name}`,
    headers: { 'content-type': mediaType },
    body: bytesBody(bytes),
    scope: pushScope(registry),
  });
  if (answer.status === 201) {
    await discard(answer.body);
    return;
  }
  const error = await registry.explain(answer, `take the manifest \`${name}\``);
  // How registries say that a blob is missing.
  if (answer.status === 400 || answer.status === 404)
    throw outside(missingBlobs, error.message, { cause: error });
  throw error;
}
