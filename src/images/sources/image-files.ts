/** The files of an image that lies in a folder or in a tar: the same view of both. */
import { closeSync, constants, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { posix } from 'node:path';
import { errnoOf, outside } from '../../kit/errors.ts';
import { openFolder, openInRoot } from '../../kit/system.ts';
import { fileInput } from '../../kit/tar/input.ts';
import { readTar } from '../../kit/tar/read.ts';

/** Bytes that can be read from their start to their end, more than once. */
export interface StreamedFile {
  size: number;
  stream(signal?: AbortSignal): AsyncIterable<Buffer>;
}

export interface ImageFile extends StreamedFile {
  /** All of a small file. */
  read(): Buffer;
}

export interface ImageFiles extends Disposable {
  /** The folder or archive, for messages. */
  place: string;
  find(name: string): ImageFile | undefined;
}

/** Manifests and configurations are small; more is an attack or a mistake. */
const maxReadBytes = 16 * 1024 * 1024;

function rangeFile(fd: number, start: number, size: number, name: string): ImageFile {
  return {
    size,
    // An empty range can't be said to createReadStream.
    stream: () =>
      size === 0
        ? nothing()
        : (createReadStream('', {
            fd,
            autoClose: false,
            start,
            end: start + size - 1,
            highWaterMark: 1024 * 1024,
          }) as AsyncIterable<Buffer>),
    read() {
      if (size > maxReadBytes) throw outside('too-big', `${name} is too big for what it should be.`);
      const bytes = Buffer.alloc(size);
      let filled = 0;
      while (filled < size) {
        const count = readSync(fd, bytes, filled, size - filled, start + filled);
        if (count === 0) break;
        filled += count;
      }
      return bytes.subarray(0, filled);
    },
  };
}

async function* nothing(): AsyncGenerator<Buffer> {}

/** A folder; links in it don't lead out of it. */
export function folderFiles(folder: string): ImageFiles {
  const root = openFolder(folder);
  const open = new Map<string, number>();
  return {
    place: folder,
    find(name) {
      let fd = open.get(name);
      try {
        fd ??= openInRoot(root, name, constants.O_RDONLY);
      } catch (error) {
        if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
        throw error;
      }
      open.set(name, fd);
      return rangeFile(fd, 0, fstatSync(fd).size, name);
    },
    [Symbol.dispose]() {
      for (const fd of open.values()) closeSync(fd);
      closeSync(root);
    },
  };
}

/** An archive that isn't compressed: only its headers are read here. */
export async function archiveFiles(path: string, place: string): Promise<ImageFiles> {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    const files = new Map<string, { position: number; size: number } | { link: string }>();
    for await (const member of readTar(fileInput(fd))) {
      const name = posix.normalize(`/${member.name}`).slice(1);
      if (member.type === 'file' && member.range && !member.extents) {
        files.set(name, { position: member.range.position, size: member.size });
      } else if (member.type === 'symlink') {
        files.set(name, { link: posix.join('/', posix.dirname(name), member.link as string).slice(1) });
      } else if (member.type === 'hardlink') {
        files.set(name, { link: posix.normalize(`/${member.link}`).slice(1) });
      }
    }
    return {
      place,
      find(name) {
        let file = files.get(posix.normalize(name));
        // `docker save` of old writes a layer that two images share once, and links to it.
        for (let hops = 0; file && 'link' in file && hops < 8; hops++) file = files.get(file.link);
        return file === undefined || 'link' in file
          ? undefined
          : rangeFile(fd, file.position, file.size, name);
      },
      [Symbol.dispose]: () => closeSync(fd),
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
