/** Images of podman and buildah: their storage is read by skopeo, which knows its forms. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { errnoOf, outside, UserError } from '../../kit/errors.ts';
import { newId } from '../../store/runs.ts';
import { abortOf, type ImageContext, withRunFolder } from '../context.ts';
import type { Image } from '../records.ts';
import { parseReference } from '../references.ts';
import { type ImportRequest, importImage } from './index.ts';

/** `name` is what skopeo takes after `containers-storage:`. */
export function importFromContainersStorage(
  request: Omit<ImportRequest, 'path'>,
  name: string,
): Promise<Image> {
  const { context, tags, onProgress } = request;
  return withRunFolder(context, async (dir) => {
    const path = join(dir, `storage-${newId()}.tar`);
    onProgress?.(`reading ${name} by skopeo`);
    await copyBySkopeo(context, `containers-storage:${name}`, `docker-archive:${path}`);
    const names = tags.length > 0 ? tags : nameOf(name);
    return importImage({ ...request, path, form: 'docker-archive', place: name, tags: names });
  });
}

/** The name behind `[driver@root+run]`; none where an id was given. */
function nameOf(text: string): string[] {
  const name = text.replace(/^\[[^\]]*\]/, '');
  try {
    return parseReference(name).digest === undefined ? [name] : [];
  } catch (error) {
    if (error instanceof UserError) return [];
    throw error;
  }
}

async function copyBySkopeo(context: ImageContext, from: string, to: string): Promise<void> {
  const child = spawn('skopeo', ['--insecure-policy', 'copy', '-q', from, to], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...abortOf(context),
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  let code: number | null;
  try {
    [code] = (await once(child, 'close')) as [number | null];
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    const name = from.slice('containers-storage:'.length);
    throw outside(
      'missing-program',
      'The program skopeo is needed to read the images of podman and buildah.',
      {
        hint: `Install it (apt-get install skopeo), or save the image: podman save -o image.tar ${name}, cambium image import image.tar`,
        cause: error,
      },
    );
  }
  if (code === 0) return;
  // Chatter of level info may come before what ended it.
  const why =
    /level=fatal msg="((?:[^"\\]|\\.)*)"/.exec(complaint)?.[1]?.replaceAll('\\"', '"') ?? complaint.trim();
  throw outside('containers-storage', `skopeo can't read ${from}: ${why || 'it said nothing'}.`, {
    hint: 'See `podman images`: what podman builds itself is called localhost/NAME.',
  });
}
