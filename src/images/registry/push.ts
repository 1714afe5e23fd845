/** `image push` and `-o type=registry`: brings an image, or an index with its images, into a repository under names. */
import type { Digest } from '../../kit/digest.ts';
import { outside, UserError } from '../../kit/errors.ts';
import type { ImageContext } from '../context.ts';
import { descriptor, mediaTypes, type SmallBlob, small } from '../manifest.ts';
import type { Image } from '../records.ts';
import type { Reference } from '../references.ts';
import { discard, readExplanation } from './body.ts';
import { openRegistry } from './client.ts';
import type { Compression } from './compressions.ts';
import { openConnector } from './connect.ts';
import { dockerForm } from './docker-form.ts';
import { ownEndpoint, type Reach } from './endpoint.ts';
import { codesOf } from './failures.ts';
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
  for (let way: Way | undefined = { trusts: true, form: 'oci' }; ; ) {
    try {
      return { digest: await send({ ...common, ...way }, image, names), bytes: tally.bytes };
    } catch (error) {
      const next = nextWay(way, error);
      if (next === undefined) throw error;
      // The repository has lost what was seen there: now all of it is asked for.
      if (!next.trusts) forgetBlobs(context.store.db, registry.repository);
      if (next.form === 'docker')
        request.onProgress?.('the registry takes no manifests of OCI: it gets them as Docker has them');
      way = next;
    }
  }
}

type Way = Pick<Push, 'trusts' | 'form'>;

/** What may help after a manifest was refused; undefined when nothing more will. */
function nextWay({ trusts, form }: Way, error: unknown): Way | undefined {
  if (!(error instanceof UserError)) return undefined;
  if (error.code === missingBlobs) return trusts ? { trusts: false, form } : undefined;
  if (error.code !== refusedForm) return undefined;
  if (form === 'oci') return { trusts, form: 'docker' };
  // It wasn't the form: some say so of blobs, too.
  return trusts ? { trusts: false, form: 'oci' } : undefined;
}

async function send(push: Push, image: Image, names: readonly string[]): Promise<Digest> {
  const document =
    image.members === undefined ? await sendMember(push, image) : await sendIndex(push, image.members);
  for (const name of names) await putManifest(push, name, document);
  return document.digest;
}

async function sendMember(push: Push, image: Image): Promise<Document> {
  return inForm(push, await sendImage(push, image));
}

async function sendIndex(push: Push, members: readonly Image[]): Promise<Document> {
  const manifests = [];
  for (const member of members) {
    const document = await sendMember(push, member);
    await putManifest(push, document.digest, document);
    manifests.push({ ...descriptor(document.mediaType, document), platform: member.platform });
  }
  const mediaType = mediaTypes.index;
  return inForm(push, { ...small({ schemaVersion: 2, mediaType, manifests }), mediaType });
}

function inForm({ form }: Push, document: Document): Document {
  return form === 'docker' ? dockerForm(document) : document;
}

const missingBlobs = 'missing-blobs';
const refusedForm = 'refused-form';
/** What registries call a manifest that they don't understand. */
const formCodes: readonly string[] = ['MANIFEST_INVALID', 'UNSUPPORTED', 'TAG_INVALID'];

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
  const read = { ...answer, bytes: await readExplanation(answer) };
  const error = await registry.explain(read, `take the manifest \`${name}\``);
  const { status } = answer;
  const isForm = codesOf(read.bytes).some((code) => formCodes.includes(code));
  if (status === 415 || (isForm && status >= 400 && status < 500))
    throw outside(refusedForm, error.message, { cause: error });
  // How registries say that a blob is missing.
  if (status === 400 || status === 404) throw outside(missingBlobs, error.message, { cause: error });
  throw error;
}
