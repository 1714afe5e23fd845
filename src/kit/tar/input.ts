/**
 * Where a tar is read from: an open file, in which content is skipped by moving and copied by the kernel, or any
 * stream of chunks. Reads answer at once when they can, so that small members cost no turn of the event loop.
 */
import { fstatSync, readSync } from 'node:fs';

export interface TarInput {
  /** The next `length` bytes; fewer only at the end of the input. Valid until the next call. */
  read(length: number): Buffer | Promise<Buffer>;
  /** The next `length` bytes where they are at hand, without waiting; else undefined, and nothing is read. */
  readNow(length: number): Buffer | undefined;
  /** The next bytes, at least one and at most `most`; empty at the end. Valid until the next call. */
  readSome(most: number): Buffer | Promise<Buffer>;
  /** Passes over `length` bytes; the number really passed over is less only at the end of the input. */
  skip(length: number): number | Promise<number>;
  /** Set for a file: descriptor, and the position of the next byte. */
  file?: { readonly fd: number; readonly position: number };
}

const windowBytes = 256 * 1024;

/** Reads an open file from its start. The descriptor stays the caller's. */
export function fileInput(fd: number): TarInput {
  const size = fstatSync(fd).size;
  const store = Buffer.allocUnsafe(windowBytes);
  let window = store.subarray(0, 0);
  let windowAt = 0;
  let position = 0;

  const take = (length: number): Buffer => {
    const result = window.subarray(position - windowAt, position - windowAt + length);
    position += result.length;
    return result;
  };
  const fill = (length: number): void => {
    if (position >= windowAt && position + length <= windowAt + window.length) return;
    const wanted = Math.max(0, Math.min(Math.max(length, windowBytes), size - position));
    const next = wanted > windowBytes ? Buffer.allocUnsafe(wanted) : store;
    let filled = 0;
    while (filled < wanted) {
      const count = readSync(fd, next, filled, wanted - filled, position + filled);
      if (count === 0) break;
      filled += count;
    }
    window = next.subarray(0, filled);
    windowAt = position;
  };

  return {
    read(length) {
      fill(length);
      return take(length);
    },
    readNow(length) {
      if (length > Math.min(windowBytes, size - position)) return undefined;
      fill(length);
      return take(length);
    },
    readSome(most) {
      fill(Math.min(most, windowBytes));
      return take(Math.min(most, windowBytes));
    },
    skip(length) {
      const passed = Math.min(length, Math.max(0, size - position));
      position += passed;
      return passed;
    },
    file: {
      fd,
      get position() {
        return position;
      },
    },
  };
}

/** Reads chunks as they come. */
export function streamInput(chunks: AsyncIterable<Uint8Array>): TarInput {
  const iterator = chunks[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);

  const pull = async (): Promise<boolean> => {
    const next = await iterator.next();
    if (next.done === true) return false;
    const chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    return true;
  };
  const take = (length: number): Buffer => {
    const result = rest.subarray(0, length);
    rest = rest.subarray(result.length);
    return result;
  };

  return {
    read(length) {
      if (rest.length >= length) return take(length);
      return (async () => {
        while (rest.length < length && (await pull()));
        return take(length);
      })();
    },
    readNow: (length) => (rest.length >= length ? take(length) : undefined),
    readSome(most) {
      if (rest.length > 0) return take(most);
      return (async () => {
        while (rest.length === 0 && (await pull()));
        return take(most);
      })();
    },
    skip(length) {
      if (rest.length >= length) return take(length).length;
      return (async () => {
        let passed = take(length).length;
        while (passed < length && (await pull())) passed += take(length - passed).length;
        return passed;
      })();
    },
  };
}
