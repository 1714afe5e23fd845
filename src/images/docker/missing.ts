/** Which layers of an image a Docker daemon lacks, as its other images tell. */
import type { Digest } from '../../kit/digest.ts';
import type { Database } from '../../store/database.ts';
import type { Daemon, DaemonImage } from './daemon.ts';

export interface Question {
  db: Database;
  /** Of the image, the lowest first. */
  layers: readonly { diffId: Digest; size: number }[];
  /** Names of the image: what they stand for at the daemon is most likely what it was made from. */
  tags: readonly string[];
}

/** To send this much costs less than to ask for more. */
const worthAskingBytes = 256 * 1024;
const askedAtOnce = 8;
/** A daemon may have thousands of images. */
const maxAsked = 400;

/** Digests of the layers that have to be sent. */
export async function missingLayers(
  daemon: Daemon,
  kind: Awaited<ReturnType<Daemon['store']>>,
  question: Question,
): Promise<Set<Digest>> {
  if (kind === 'layers') return withoutSharedStart(daemon, question);
  if (kind === 'blobs') return withoutKnownBlobs(daemon, question);
  return new Set(question.layers.map(({ diffId }) => diffId));
}

/** A layer is kept there by the chain of those below it: what two images share is the start that they have in common. */
async function withoutSharedStart(daemon: Daemon, { layers, tags }: Question): Promise<Set<Digest>> {
  let shared = 0;
  const isWorthAsking = () =>
    layers.slice(shared).reduce((sum, { size }) => sum + size, 0) > worthAskingBytes;
  const learn = (image: DaemonImage | undefined) => {
    const differ = layers.findIndex(({ diffId }, at) => image?.layers[at] !== diffId);
    shared = Math.max(shared, image === undefined ? 0 : differ === -1 ? layers.length : differ);
  };
  for (const name of tags) learn(await daemon.inspect(name));
  if (isWorthAsking()) {
    const ids = [...new Set((await daemon.list()).map(({ id }) => id))].slice(0, maxAsked);
    while (ids.length > 0 && isWorthAsking()) {
      const some = await Promise.all(ids.splice(0, askedAtOnce).map((id) => daemon.inspect(id)));
      some.forEach(learn);
    }
  }
  return new Set(layers.slice(shared).map(({ diffId }) => diffId));
}

/**
 * containerd keeps blobs in the form they came in, and doesn't tell which. An image that has the digest of a manifest of ours came
 * from here, with layers as ours are: those it has.
 */
async function withoutKnownBlobs(daemon: Daemon, { db, layers }: Question): Promise<Set<Digest>> {
  const missing = new Map(layers.map(({ diffId, size }) => [diffId, size]));
  const isOurs = db.prepare('SELECT 1 FROM images WHERE manifest = ?');
  const ids = [...new Set((await daemon.list()).map(({ id }) => id))];
  for (const id of ids.filter((digest) => isOurs.get(digest) !== undefined)) {
    if ([...missing.values()].reduce((sum, size) => sum + size, 0) <= worthAskingBytes) break;
    for (const diffId of (await daemon.inspect(id))?.layers ?? []) missing.delete(diffId as Digest);
  }
  return new Set(missing.keys());
}
