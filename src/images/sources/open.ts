/** Finds out what a path holds: an OCI layout, an archive of images, a root filesystem as tar or as folder. */
import {
  closeSync,
  constants,
  createReadStream,
  existsSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { errnoOf, explainSystemError, type UserError, wrongUse } from '../../kit/errors.ts';
import { statIfThere } from '../../kit/stat.ts';
import { compressionOf, decompress } from '../../kit/tar/decompress.ts';
import { brokenIn } from '../../kit/tar/format.ts';
import type { Platform } from '../../plan/index.ts';
import { newId } from '../../store/runs.ts';
import { type ImageContext, withRunFolder } from '../context.ts';
import { unfoldLimit } from '../incoming.ts';
import { describeDockerArchive } from './describe-archive.ts';
import { describeLayout, layoutPlatforms } from './describe-layout.ts';
import type { DescribedImage } from './described.ts';
import { archiveFiles, folderFiles, type ImageFiles } from './image-files.ts';
import type { ArchiveForm } from './transports.ts';

export type Opened =
  | {
      kind: 'image';
      files: ImageFiles;
      describe: (reference?: string, platform?: Platform) => DescribedImage;
      /** For which there are images below the name; none where there is only one, whatever it is for. */
      platforms: (reference?: string) => Platform[];
    }
  /** A root filesystem. */
  | { kind: 'tarball'; path: string }
  | { kind: 'folder'; path: string };

/** Opens an OCI layout's folder; dispose of `files` at the end. */
export function openLayout(path: string): Opened & { kind: 'image' } {
  if (!existsSync(join(path, 'index.json'))) {
    throw wrongUse('missing-source', `${path} is not a folder in OCI image layout: it has no index.json.`);
  }
  return layoutIn(folderFiles(path));
}

function layoutIn(files: ImageFiles): Opened & { kind: 'image' } {
  return {
    kind: 'image',
    files,
    describe: (reference, platform) => describeLayout(files, reference, platform),
    platforms: (reference) => layoutPlatforms(files, reference),
  };
}

/** What is known of a path before it is looked at. */
export interface Expected {
  form?: ArchiveForm;
  /** For messages, instead of the path. */
  place?: string;
}

/** Looks at what lies at `path`. Of compressed archives an uncompressed copy is made in the run's folder. */
export async function openAny(context: ImageContext, path: string, expected: Expected = {}): Promise<Opened> {
  const { form, place = path } = expected;
  const stats = statIfThere(path);
  if (stats === undefined) throw wrongUse('missing-source', `${path} doesn't exist.`);
  if (stats.isDirectory()) {
    if (form === 'oci' || (form === undefined && isLayout(path))) return openLayout(path);
    if (form !== undefined) throw wrongForm(place, form);
    return { kind: 'folder', path };
  }
  if (form === 'oci') throw wrongForm(place, form);
  const files = await openArchive(context, path, place);
  const kind = kindOf(files, form);
  if (kind === 'oci') return layoutIn(files);
  if (kind === 'docker') {
    const describe = (reference?: string) => describeDockerArchive(files, reference);
    return { kind: 'image', files, describe, platforms: () => [] };
  }
  files[Symbol.dispose]();
  if (form !== undefined) throw wrongForm(place, form);
  return { kind: 'tarball', path };
}

function isLayout(folder: string): boolean {
  return existsSync(join(folder, 'index.json')) && existsSync(join(folder, 'oci-layout'));
}

/** An archive may be both; then what was asked for counts, else the form that tells more. */
function kindOf(files: ImageFiles, form: ArchiveForm | undefined): 'oci' | 'docker' | undefined {
  if (form !== 'docker-archive' && files.find('index.json') && files.find('oci-layout')) return 'oci';
  return form !== 'oci-archive' && files.find('manifest.json') ? 'docker' : undefined;
}

function wrongForm(place: string, form: ArchiveForm): UserError {
  const forms = {
    'docker-archive': 'archive of `docker save`',
    'oci-archive': 'archive of an OCI layout',
    oci: 'folder in OCI image layout',
  };
  return wrongUse('wrong-form', `${place} is no ${forms[form]}.`, {
    hint: 'Without a kind before it, what lies there is found out: cambium image import PATH',
  });
}

async function openArchive(context: ImageContext, path: string, place: string): Promise<ImageFiles> {
  try {
    return await openPlainOrPacked(context, path, place);
  } catch (error) {
    throw brokenIn(place, error);
  }
}

function openPlainOrPacked(context: ImageContext, path: string, place: string): Promise<ImageFiles> {
  if (compressionOfFile(path) === 'none') return archiveFiles(path, place);
  return withRunFolder(context, async (dir) => {
    const copy = join(dir, `archive-${newId()}`);
    await unpackCopy(context, path, copy);
    const files = await archiveFiles(copy, place);
    // It stays readable while it is open.
    unlinkSync(copy);
    return files;
  });
}

async function unpackCopy(context: ImageContext, path: string, copy: string): Promise<void> {
  const fd = openSync(copy, 'wx', 0o600);
  try {
    for await (const chunk of decompress(createReadStream(path), unfoldLimit(context.store))) {
      context.signal?.throwIfAborted();
      for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
    }
  } catch (error) {
    throw explainSystemError(error, `unpacking ${path}`);
  } finally {
    closeSync(fd);
  }
}

function compressionOfFile(path: string): ReturnType<typeof compressionOf> {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT')
      throw wrongUse('missing-source', `${path} doesn't exist.`, { cause: error });
    throw explainSystemError(error, `reading ${path}`);
  }
  try {
    const head = Buffer.alloc(4);
    readSync(fd, head, 0, 4, 0);
    return compressionOf(head);
  } finally {
    closeSync(fd);
  }
}
