/** Brings an image of the running Docker daemon into the store: `docker save`, unless it is here already. */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { explainSystemError, outside, UserError, wrongUse } from '../../kit/errors.ts';
import type { Database } from '../../store/database.ts';
import { newId } from '../../store/runs.ts';
import { abortOf, withRunFolder } from '../context.ts';
import { type Image, imageById } from '../records.ts';
import { formatReference, parseReference, shortName } from '../references.ts';
import { type ImportRequest, importImage } from '../sources/index.ts';
import { tagImage } from '../tags.ts';
import { type Daemon, openDaemon } from './daemon.ts';

/** `name` is a name or an id of the daemon's; an id gives no tag. */
export async function importFromDaemon(request: Omit<ImportRequest, 'path'>, name: string): Promise<Image> {
  const { context, onProgress } = request;
  const { db } = context.store;
  using daemon = openDaemon(abortOf(context));
  const isId = /^(?:sha256:)?[0-9a-f]{12,64}$/.test(name);
  // With a tag: the archive of a bare name holds all its tags.
  const asked = isId ? name : shortName(formatReference(parseReference(name)));
  const found = await daemon.inspect(asked);
  if (found === undefined) throw await unknown(daemon, asked);
  const tags = request.tags.length > 0 || isId || asked.includes('@') ? request.tags : [asked];
  const known = rememberedImage(db, found.id);
  if (known !== undefined) {
    onProgress?.('the image is here already');
    for (const tag of tags) tagImage(db, known.id, tag);
    return known;
  }
  const image = await withRunFolder(context, async (dir) => {
    const path = join(dir, `saved-${newId()}.tar`);
    onProgress?.(`reading ${asked} from ${daemon.place}`);
    try {
      await pipeline(await daemon.save(asked), createWriteStream(path, { mode: 0o600 }), abortOf(context));
    } catch (error) {
      throw brokenOff(error, `reading ${asked} from ${daemon.place}`);
    }
    return importImage({ ...request, path, place: `${asked} of ${daemon.place}`, tags });
  });
  db.prepare('INSERT OR REPLACE INTO daemon_images (id, image) VALUES (?, ?)').run(found.id, image.id);
  return image;
}

function rememberedImage(db: Database, id: string): Image | undefined {
  const row = db.prepare('SELECT image FROM daemon_images WHERE id = ?').get(id) as
    | { image: string }
    | undefined;
  return row && imageById(db, row.image);
}

/** A full disk is told as that; all else is the connection's. */
function brokenOff(error: unknown, doing: string): unknown {
  const explained = explainSystemError(error, doing);
  const isTold = explained !== error || error instanceof UserError || (error as Error).name === 'AbortError';
  if (isTold) return explained;
  return outside('docker-broken', `The connection broke while ${doing}: ${(error as Error).message}.`, {
    hint: 'Is the daemon all right? See `docker info`.',
    cause: error,
  });
}

async function unknown(daemon: Daemon, name: string) {
  const names = (await daemon.list())
    .flatMap((image) => image.names)
    .filter((one) => !one.includes('<none>'));
  const some = names.length === 0 ? 'It has none.' : `It has ${names.slice(0, 5).join(', ')}.`;
  return wrongUse('unknown-image', `There is no image \`${name}\` in ${daemon.place}.`, {
    hint: `${some} From registries images are fetched by \`cambium image pull\`.`,
  });
}
