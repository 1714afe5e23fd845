/**
 * Reads archives member by member: USTAR, PAX (global headers too), GNU long names, sparse files and base-256
 * numbers. Whatever doesn't hold together ends in a `broken-tar` error.
 */
import { decodeName } from '../names.ts';
import {
  blockSize,
  brokenTar,
  checksums,
  fields,
  type MemberHeader,
  type MemberType,
  paddingOf,
  readNumber,
  readText,
} from './format.ts';
import type { TarInput } from './input.ts';
import { decodeCount, decodePax, decodeTime, maxExtensionBytes, type PaxRecord, xattrName } from './pax.ts';
import { type Extent, readOldSparse, readPaxSparse, type SparseFile } from './sparse.ts';

/** One member. Its content can be read until the next member is asked for; what isn't read is passed over. */
export interface TarMember extends MemberHeader {
  /** Where the content lies in a sparse file; absent for all others. */
  extents?: readonly Extent[];
  /** Bytes of content in the archive: less than `size` for sparse files. */
  storedBytes: number;
  /** Content in chunks, each valid until the next; of a sparse file its extents, one after the other. */
  content(): AsyncIterable<Buffer>;
  /** All of the content where it is at hand, valid until the next member; undefined where `content` has to be waited for. */
  contentNow(): Buffer | undefined;
  /** Where the content lies, when the input is a file. */
  range?: { fd: number; position: number };
}

export interface ReadOptions {
  /** Take an end of the input after a whole member for the archive's end; for data that a digest vouches for. */
  allowMissingEnd?: boolean;
}

/** All members take their time to go through what holds for all of them: real archives have some hundred bytes of it. */
const maxGlobalBytes = 64 * 1024;

const typesByFlag: Record<string, MemberType> = {
  '\0': 'file',
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
  S: 'file',
  D: 'directory',
};

/** Extensions that wait for the member that they belong to. */
interface Pending {
  records: PaxRecord[];
  /** Of the extensions together, with their own headers. */
  bytes: number;
  name?: string;
  link?: string;
}

/** All members in order. Throws `broken-tar`. */
export async function* readTar(
  input: TarInput,
  options: ReadOptions = {},
): AsyncGenerator<TarMember, void, void> {
  const global = new Map<string, Buffer>();
  let globalBytes = 0;
  let pending: Pending = { records: [], bytes: 0 };
  for (;;) {
    const header = await nextHeader(input, options);
    if (header === undefined) {
      if (pending.records.length > 0 || pending.name !== undefined)
        throw brokenTar('it ends after an extended header');
      return;
    }
    const flag = String.fromCharCode(header[fields.type[0]] as number);
    if ('xgLK'.includes(flag)) {
      const data = await extension(header, input);
      globalBytes += flag === 'g' ? blockSize + data.length : 0;
      if (globalBytes > maxGlobalBytes) throw tooBig();
      pending = takeExtension(flag, data, pending, global);
      continue;
    }
    if (flag === 'V' || flag === 'N') {
      await pass(input, readNumber(header, fields.size, 'size'));
      continue;
    }
    const type = typesByFlag[flag];
    if (type === undefined) throw brokenTar(`a member has the unknown type ${JSON.stringify(flag)}`);
    yield* oneMember(header, type, flag, [...global, ...pending.records], pending, input);
    pending = { records: [], bytes: 0 };
  }
}

async function nextHeader(input: TarInput, options: ReadOptions): Promise<Buffer | undefined> {
  const block = await input.read(blockSize);
  if (block.length === 0) {
    if (options.allowMissingEnd === true) return undefined;
    throw brokenTar('it has no end mark, so its end is missing');
  }
  if (block.length < blockSize) throw brokenTar('it ends inside of a header');
  if (block.every((byte) => byte === 0)) return undefined;
  const { unsigned, signed } = checksums(block);
  const written = readNumber(block, fields.checksum, 'checksum');
  if (written !== unsigned && written !== signed)
    throw brokenTar('a header has a wrong checksum, or this is no tar');
  // The input may use its buffer again while this header's extensions are read.
  return Buffer.from(block);
}

async function extension(header: Buffer, input: TarInput): Promise<Buffer> {
  const size = readNumber(header, fields.size, 'size');
  if (size > maxExtensionBytes || size < 0) throw tooBig();
  const data = await input.read(size);
  if (data.length < size) throw brokenTar('it ends inside of an extended header');
  const copy = Buffer.from(data);
  await pass(input, 0, paddingOf(size));
  return copy;
}

function tooBig() {
  return brokenTar('its extended headers are too big');
}

function takeExtension(flag: string, data: Buffer, before: Pending, global: Map<string, Buffer>): Pending {
  const pending = { ...before, bytes: before.bytes + (flag === 'g' ? 0 : blockSize + data.length) };
  if (pending.bytes > 2 * maxExtensionBytes) throw tooBig();
  const text = () => {
    const end = data.indexOf(0);
    return decodeName(end === -1 ? data : data.subarray(0, end));
  };
  switch (flag) {
    case 'g':
      for (const [key, value] of decodePax(data)) {
        if (value.length === 0) global.delete(key);
        else global.set(key, value);
      }
      return pending;
    case 'x':
      return { ...pending, records: [...pending.records, ...decodePax(data)] };
    case 'L':
      return { ...pending, name: text() };
    default:
      return { ...pending, link: text() };
  }
}

async function* oneMember(
  header: Buffer,
  type: MemberType,
  flag: string,
  records: PaxRecord[],
  pending: Pending,
  input: TarInput,
): AsyncGenerator<TarMember, void, void> {
  // An empty value takes the record back: the header's own field counts.
  const pax = new Map(records.filter(([, value]) => value.length > 0));
  for (const [key, value] of records) if (value.length === 0 && xattrName(key) === undefined) pax.delete(key);

  const paxSize = pax.get('size');
  const archived =
    paxSize === undefined ? readNumber(header, fields.size, 'size') : decodeCount(paxSize, 'size');
  if (archived < 0) throw brokenTar('a member has a negative size');
  // Links may state a size, but no content follows; old archives give folders a size without content too.
  const hasContent = type === 'file';
  const sparse = hasContent ? await sparseOf(header, flag, records, input) : undefined;
  const storedBytes = hasContent ? archived - (sparse?.mapBytes ?? 0) : 0;
  if (storedBytes < 0) throw brokenTar('a sparse map is longer than its file');
  if (sparse && sparse.extents.reduce((sum, { length }) => sum + length, 0) !== storedBytes) {
    throw brokenTar('a sparse map does not fit its content');
  }
  const size = hasContent ? (sparse?.size ?? archived) : 0;

  let left = storedBytes;
  const start = input.file?.position ?? 0;
  const member: TarMember = {
    ...describe(header, type, pax, records, pending, sparse),
    size,
    storedBytes,
    ...(sparse ? { extents: sparse.extents } : {}),
    ...(input.file && hasContent ? { range: { fd: input.file.fd, position: start } } : {}),
    async *content() {
      while (left > 0) {
        const chunk = await input.readSome(left);
        if (chunk.length === 0) throw brokenTar(`it ends inside of ${member.name}`);
        left -= chunk.length;
        yield chunk;
      }
    },
    contentNow() {
      const whole = input.readNow(left);
      if (whole !== undefined) left = 0;
      return whole;
    },
  };
  if (flag !== '5' && type === 'file' && member.name.endsWith('/')) {
    // Before USTAR a folder was a file whose name ends in a slash.
    yield { ...member, type: 'directory', name: member.name.replace(/\/+$/, ''), size: 0 };
  } else {
    yield { ...member, name: member.name.replace(/(?<=.)\/+$/s, '') };
  }
  await pass(input, left, paddingOf(archived * (hasContent ? 1 : 0)), member.name);
}

async function sparseOf(
  header: Buffer,
  flag: string,
  records: PaxRecord[],
  input: TarInput,
): Promise<SparseFile | undefined> {
  return flag === 'S' ? readOldSparse(header, input) : readPaxSparse(records, input);
}

function describe(
  header: Buffer,
  type: MemberType,
  pax: ReadonlyMap<string, Buffer>,
  records: readonly PaxRecord[],
  pending: Pending,
  sparse: SparseFile | undefined,
): MemberHeader {
  const isUstar = header.toString('latin1', fields.magic[0], fields.magic[0] + 6) === 'ustar\0';
  const prefix = isUstar ? readText(header, fields.prefix) : '';
  const plain = readText(header, fields.name);
  const text = (key: string) => {
    const value = pax.get(key);
    return value === undefined ? undefined : decodeName(value);
  };
  const count = (key: 'uid' | 'gid') => {
    const value = pax.get(key);
    return value === undefined ? readNumber(header, fields[key], key) : decodeCount(value, key);
  };
  const name = sparse?.name
    ? decodeName(sparse.name)
    : (text('path') ?? pending.name ?? (prefix === '' ? plain : `${prefix}/${plain}`));
  const mtime = text('mtime');
  const result: MemberHeader = {
    name,
    type,
    mode: readNumber(header, fields.mode, 'mode') & 0o7777,
    uid: count('uid'),
    gid: count('gid'),
    size: 0,
    mtimeNs:
      mtime === undefined
        ? BigInt(readNumber(header, fields.mtime, 'time')) * 1_000_000_000n
        : decodeTime(mtime),
  };
  if (name.includes('\0') || name === '') throw brokenTar('a member has an empty or impossible name');
  if (type === 'symlink' || type === 'hardlink')
    result.link = text('linkpath') ?? pending.link ?? readText(header, fields.link);
  if (type === 'char' || type === 'block') {
    result.device = {
      major: readNumber(header, fields.major, 'device number'),
      minor: readNumber(header, fields.minor, 'device number'),
    };
  }
  const xattrs = new Map<string, Buffer>();
  for (const [key, value] of records) {
    const xattr = xattrName(key);
    if (xattr !== undefined) xattrs.set(xattr, value);
  }
  if (xattrs.size > 0) result.xattrs = xattrs;
  return result;
}

async function pass(
  input: TarInput,
  content: number,
  padding: number = paddingOf(content),
  name = 'a member',
): Promise<void> {
  if (content + padding === 0) return;
  const passed = await input.skip(content + padding);
  if (passed < content) throw brokenTar(`it ends inside of ${name}`);
  if (passed < content + padding) throw brokenTar(`it ends after ${name}`);
}
