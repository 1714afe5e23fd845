/**
 * One image on its way into a repository. Sent is only what the repository lacks: as it was seen there before, as another
 * repository of the same registry has it, or else as the registry says. An image that came from a registry keeps its manifest.
 */
import type { Digest } from '../../kit/digest.ts';
import { UserError } from '../../kit/errors.ts';
import { fileBlob, hasBlob } from '../blobs.ts';
import type { ImageContext } from '../context.ts';
import { type LayerKeeper, layersOf } from '../layers.ts';
import { composeImage, descriptor, mediaTypes, small } from '../manifest.ts';
import type { Image } from '../records.ts';
import { parseReference } from '../references.ts';
import { openRegistry, type Registry } from './client.ts';
import type { Compression } from './compressions.ts';
import type { Body, Connector } from './connect.ts';
import { blobStream, saveChecked } from './download.ts';
import { ownEndpoint } from './endpoint.ts';
import {
  bytesBody,
  knownForms,
  makePacked,
  type PlainLayer,
  packLayer,
  plainForm,
  storedBody,
} from './forms.ts';
import { readManifest } from './manifests.ts';
import type { Document } from './push.ts';
import {
  findManifest,
  type KnownManifest,
  type PackedLayer,
  rememberBlobs,
  repositoriesWith,
} from './records.ts';
import { hasRemoteBlob, mountBlob, sendBlob } from './upload.ts';

/** What is under way. */
export interface Push {
  context: ImageContext;
  registry: Registry;
  connector: Connector;
  compression?: Compression;
  force?: boolean;
  clampSeconds?: number;
  onProgress?: (message: string) => void;
  /** Bytes that were sent. */
  tally: { bytes: number };
  /** Ends all of it. */
  stop: AbortController;
  /** Whether what was seen of the repository before is believed. */
  trusts: boolean;
  /** Of manifests and indexes. */
  form: 'oci' | 'docker';
}

/** Layers that are packed and sent at once. */
const atOnce = 3;
/** To ask whether a blob is there costs as much as to send one of this size. */
const worthAskingBytes = 64 * 1024;

export function pushScope({ endpoint }: Registry): string {
  return `repository:${endpoint.path}:pull,push`;
}

/** Brings all that the image's manifest names into the repository; returns the manifest. */
export async function sendImage(push: Push, image: Image): Promise<Document> {
  const { compression, force, context } = push;
  // SOURCE_DATE_EPOCH is about what is made here.
  const isAsItCame = compression === undefined && force !== true;
  const origin = image.origin && isAsItCame ? findManifest(context.store.db, image.origin) : undefined;
  return (origin && (await sendOriginal(push, origin))) ?? sendOwn(push, image);
}

/** The image with the manifest that it came with; undefined when a layer of it can't be had any more. */
async function sendOriginal(push: Push, known: KnownManifest): Promise<Document | undefined> {
  const { config, layers } = readManifest(known, known.repository);
  const outcomes = await inTurns(push, layers, (layer) =>
    ensureBlob(push, layer, () => storedBody(push.context, layer) ?? fetchAgain(push, known, layer)),
  );
  if (outcomes.includes(false)) return undefined;
  await ensureBlob(push, config, () => bytesBody(known.config));
  const { mediaType, bytes, digest } = known;
  return { mediaType, bytes, digest };
}

/** The bytes of a layer as the registry had them that it came from: the store has only what was in them. */
async function fetchAgain(
  push: Push,
  { repository }: KnownManifest,
  layer: PackedLayer,
): Promise<Body | undefined> {
  const { context, connector, onProgress } = push;
  const endpoint = ownEndpoint(parseReference(repository));
  const registry = openRegistry(endpoint, { connector, signal: context.signal });
  try {
    await fileBlob(context, (fd) => saveChecked(blobStream(registry, layer, context.signal), fd, layer));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    onProgress?.(`a layer is packed anew, so the digest will be another: ${error.message}`);
    return undefined;
  }
  return storedBody(context, layer);
}

/** The image with layers in the forms that cost least, and a manifest of our own. */
async function sendOwn(push: Push, image: Image): Promise<Document> {
  const early: Early = new Map();
  try {
    return await sendComposed(push, image, early);
  } catch (error) {
    push.stop.abort(error);
    throw error;
  } finally {
    await Promise.allSettled(early.values());
  }
}

/** Layers that are sent while others are still made, by the digest of their form. */
type Early = Map<Digest, Promise<boolean>>;

async function sendComposed(push: Push, image: Image, early: Early): Promise<Document> {
  const { context, clampSeconds, onProgress, compression = 'gzip' } = push;
  const options = { ...(clampSeconds !== undefined && { clampSeconds }), ...(onProgress && { onProgress }) };
  // What has to be made is packed at once: its plain tar would only be written to be read again.
  const keep: LayerKeeper = async (from, make) => {
    const { layer, form } = await makePacked(from, make);
    if (form === undefined || early.has(form.digest)) return layer;
    onProgress?.(`sending a layer of ${form.size} bytes`);
    const sent = ensureBlob(push, form, () => storedBody(context, form));
    // A failure is seen when the layer's turn comes.
    sent.catch(() => {});
    early.set(form.digest, sent);
    return layer;
  };
  const kept = { ...options, ...(compression === 'gzip' && { keep }) };
  const { config, layers } = await composeImage(context, image, { ...kept, blobs: 'new' });
  const { snapshot, root } = image;
  // Of a layer that was only hashed before there is nothing to send yet.
  const hashed = compression === 'gzip' ? layers.filter((layer) => isNowhere(push, layer)) : [];
  if (hashed.length > 0) {
    const blobs = new Set(hashed.map(({ diffId }) => diffId));
    await layersOf(context, { ...kept, snapshot, root, blobs });
  }
  let made: Promise<unknown> | undefined;
  const makeTars = () => (made ??= layersOf(context, { ...options, snapshot, root, blobs: true }));
  // The same layer may be in it twice.
  const different = [...new Map(layers.map((layer) => [layer.diffId, layer])).values()];
  const forms = new Map<Digest, PackedLayer>();
  const sendConfig = async () => {
    const { digest, bytes } = config;
    await ensureBlob(push, { digest, size: bytes.length }, () => bytesBody(bytes));
  };
  const sendOne = (layer: PlainLayer) => async () => {
    forms.set(layer.diffId, await sendLayer(push, layer, makeTars, early));
  };
  // A small change waits for the registry's answers more than for anything: the configuration goes beside the layers.
  await inTurns(push, [sendConfig, ...different.map(sendOne)], (send) => send());
  const mediaType = mediaTypes.manifest;
  const manifest = small({
    schemaVersion: 2,
    mediaType,
    config: descriptor(mediaTypes.config, config),
    layers: layers.map(({ diffId }) => forms.get(diffId)),
  });
  return { ...manifest, mediaType };
}

/** Whether the layer has no form that may be sent, and no tar from which one could be made. */
function isNowhere({ context, compression = 'gzip', force = false }: Push, layer: PlainLayer): boolean {
  return knownForms(context, layer, compression, force).length === 0 && !hasBlob(context.store, layer.diffId);
}

/** Brings a layer there in some form: one that is there already, one that is packed already, or a new one. */
async function sendLayer(
  push: Push,
  layer: PlainLayer,
  makeTars: () => Promise<unknown>,
  early: Early,
): Promise<PackedLayer> {
  const { context, compression = 'gzip', force = false, onProgress } = push;
  const forms = knownForms(context, layer, compression, force);
  for (const form of forms) if (await early.get(form.digest)) return form;
  const nearness = (form: PackedLayer) => {
    const seen = seenIn(push, form.digest);
    return seen.isThere ? 0 : seen.siblings.length > 0 ? 1 : 2;
  };
  const byNearness = forms.sort((a, b) => nearness(a) - nearness(b));
  for (const form of byNearness) {
    const isWorthATry = nearness(form) < 2 || !push.trusts || storedBody(context, form) !== undefined;
    if (isWorthATry && (await ensureBlob(push, form, () => storedBody(context, form)))) return form;
  }
  if (!hasBlob(context.store, layer.diffId)) await makeTars();
  const form =
    compression === 'uncompressed' ? plainForm(layer) : await packLayer(context, layer, compression);
  onProgress?.(`sending a layer of ${form.size} bytes`);
  await ensureBlob(push, form, () => storedBody(context, form));
  return form;
}

interface Seen {
  isThere: boolean;
  /** Paths of other repositories of the same registry that have it. */
  siblings: string[];
}

function seenIn({ context, registry, trusts }: Push, digest: Digest): Seen {
  const domain = `${registry.endpoint.domain}/`;
  const all = repositoriesWith(context.store.db, digest);
  return {
    isThere: trusts && all.includes(registry.repository),
    siblings: all
      .filter((repository) => repository.startsWith(domain) && repository !== registry.repository)
      .map((repository) => repository.slice(domain.length)),
  };
}

/** Makes sure that the repository has the blob; false when it lacks it and its bytes can't be had. */
async function ensureBlob(
  push: Push,
  { digest, size }: { digest: Digest; size: number },
  bodyOf: () => Body | undefined | Promise<Body | undefined>,
): Promise<boolean> {
  const { registry, context, trusts, tally } = push;
  const { isThere, siblings } = seenIn(push, digest);
  if (isThere) return true;
  const done = () => {
    rememberBlobs(context.store.db, registry.repository, [digest]);
    return true;
  };
  const scope = pushScope(registry);
  const isWorthAsking = !trusts || (siblings.length === 0 && size > worthAskingBytes);
  if (isWorthAsking && (await hasRemoteBlob(registry, digest, scope))) return done();
  const [sibling] = siblings;
  const session =
    sibling === undefined
      ? undefined
      : await mountBlob(registry, digest, sibling, `${scope} repository:${sibling}:pull`);
  if (session === 'mounted') return done();
  const body = await bodyOf();
  if (body === undefined) return false;
  await sendBlob(registry, { digest, body }, scope, session, context.signal);
  tally.bytes += size;
  return done();
}

/** Does the work for all items, some at once; all of them have ended when it returns or throws. */
async function inTurns<T, R>(
  { stop }: Push,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const waiting = [...items.entries()];
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      results[next[0]] = await work(next[1]);
    }
  };
  let failure: { error: unknown } | undefined;
  await Promise.all(
    Array.from({ length: atOnce }, () =>
      lane().catch((error) => {
        failure ??= { error };
        waiting.length = 0;
        stop.abort(error);
      }),
    ),
  );
  if (failure !== undefined) throw failure.error;
  return results;
}
