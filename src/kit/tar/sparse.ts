/**
 * GNU tar's sparse files: the old header (type `S`), and PAX formats 0.0, 0.1 and 1.0. Each gives a list of extents
 * with data; the archive holds their bytes one after the other, all else of the file is a hole.
 */
import { blockSize, brokenTar, type Field, readNumber } from './format.ts';
import type { TarInput } from './input.ts';
import { decodeCount, type PaxRecord } from './pax.ts';

export interface Extent {
  offset: number;
  length: number;
}

export interface SparseFile {
  /** Length of the file with its holes. */
  size: number;
  extents: Extent[];
  /** Bytes of the member's content in the archive that the map itself took. */
  mapBytes: number;
  /** The real name, where the header's is made up. */
  name?: Buffer;
}

const oldSlots = 4;
const oldSlotsAt = 386;
const oldExtended = 482;
const oldRealSize: Field = [483, 12];
const moreSlots = 21;
const moreExtended = 504;
const slotBytes = 24;
/** More pieces than that no file has that is meant well; each takes memory. */
const maxExtents = 1_000_000;

/** The old format: the map is in the header and in blocks that follow it. */
export async function readOldSparse(header: Buffer, input: TarInput): Promise<SparseFile> {
  const size = readNumber(header, oldRealSize, 'size');
  const extents = slots(header, oldSlotsAt, oldSlots);
  let hasMore = header[oldExtended] !== 0;
  while (hasMore) {
    const block = await input.read(blockSize);
    if (block.length < blockSize) throw brokenTar('it ends inside of a sparse map');
    extents.push(...slots(block, 0, moreSlots));
    if (extents.length > maxExtents) throw tooMany();
    hasMore = block[moreExtended] !== 0;
  }
  return checked({ size, extents, mapBytes: 0 });
}

function slots(block: Buffer, start: number, count: number): Extent[] {
  const extents: Extent[] = [];
  for (let at = start; at < start + count * slotBytes; at += slotBytes) {
    if (block[at] === 0) break;
    extents.push({
      offset: readNumber(block, [at, 12], 'sparse offset'),
      length: readNumber(block, [at + 12, 12], 'sparse length'),
    });
  }
  return extents;
}

/** What PAX records say of a sparse file; undefined when it isn't one. Format 1.0 reads its map from the content. */
export async function readPaxSparse(
  records: readonly PaxRecord[],
  input: TarInput,
): Promise<SparseFile | undefined> {
  const all = (key: string) =>
    records.filter(([name]) => name === `GNU.sparse.${key}`).map(([, value]) => value);
  const last = (key: string) => all(key).at(-1);
  const name = last('name');
  const size = last('realsize') ?? last('size');
  if (size === undefined) return undefined;
  const facts = { size: decodeCount(size, 'size'), ...(name === undefined ? {} : { name }) };

  if (last('major')?.toString() === '1') {
    const { extents, mapBytes } = await readMap(input);
    return checked({ ...facts, extents, mapBytes });
  }
  const map = last('map')?.toString('latin1').split(',').filter(Boolean);
  const numbers =
    map ??
    records
      .filter(([key]) => /^GNU\.sparse\.(offset|numbytes)$/.test(key))
      .map(([, value]) => value.toString('latin1'));
  return checked({
    ...facts,
    extents: pairs(numbers.map((text) => decodeCount(Buffer.from(text), 'sparse map'))),
    mapBytes: 0,
  });
}

/** Format 1.0: decimal numbers, one a line, the first their count; filled up to a whole block. */
async function readMap(input: TarInput): Promise<{ extents: Extent[]; mapBytes: number }> {
  const numbers: number[] = [];
  let rest = '';
  let mapBytes = 0;
  for (let wanted = 1; numbers.length < wanted; ) {
    const block = await input.read(blockSize);
    if (block.length < blockSize) throw brokenTar('it ends inside of a sparse map');
    mapBytes += blockSize;
    const lines = (rest + block.toString('latin1')).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) {
      if (numbers.length === wanted) break;
      const number = decodeCount(Buffer.from(line), 'sparse map');
      if (numbers.push(number) > 1) continue;
      if (number > maxExtents) throw tooMany();
      wanted = 1 + 2 * number;
    }
    if (numbers.length < wanted && rest.length > blockSize)
      throw brokenTar('a sparse map has a line that is no number');
  }
  return { extents: pairs(numbers.slice(1)), mapBytes };
}

function tooMany() {
  return brokenTar(`a sparse file has more than ${maxExtents} pieces`);
}

function pairs(numbers: number[]): Extent[] {
  const extents: Extent[] = [];
  for (let at = 0; at + 1 < numbers.length; at += 2) {
    extents.push({ offset: numbers[at] as number, length: numbers[at + 1] as number });
  }
  return extents;
}

function checked(file: SparseFile): SparseFile {
  let end = 0;
  for (const { offset, length } of file.extents) {
    if (offset < end || offset + length > file.size) throw brokenTar('a sparse map does not fit its file');
    end = offset + length;
  }
  return file;
}
