/**
 * Headers as we write them: USTAR, with a PAX header before it only for what USTAR can't say. Equal members give
 * equal bytes: no user names, no times but the member's own.
 */
import { encodeName, isEscaped } from '../names.ts';
import {
  blockSize,
  checksums,
  type Field,
  fields,
  type MemberHeader,
  paddingOf,
  typeFlags,
} from './format.ts';
import { encodePax, encodeTime, type PaxRecord, xattrKey } from './pax.ts';

/** Two empty blocks end an archive. */
export const endOfArchive: Buffer = Buffer.alloc(2 * blockSize);

const maxOctal7 = 0o7777777;
const maxOctal11 = 0o77777777777;

/**
 * All bytes that stand before a member's content. `alignTo` (a multiple of 512) makes the content begin at a
 * multiple of it, `position` being the archive's length so far: then a file system may share its blocks.
 */
export function encodeHeader(member: MemberHeader, align?: { position: number; to: number }): Buffer {
  const name = encodeName(member.type === 'directory' ? `${member.name}/` : member.name);
  const link = member.link === undefined ? Buffer.alloc(0) : encodeName(member.link);
  const split = splitName(name);
  const records: PaxRecord[] = [];
  const text = (key: string, value: string) => records.push([key, Buffer.from(value)]);

  if (isEscaped(member.name) || (member.link !== undefined && isEscaped(member.link)))
    text('hdrcharset', 'BINARY');
  if (split === undefined) records.push(['path', name]);
  if (link.length > 100 || !isAscii(link)) records.push(['linkpath', link]);
  if (member.size > maxOctal11) text('size', String(member.size));
  if (member.uid > maxOctal7) text('uid', String(member.uid));
  if (member.gid > maxOctal7) text('gid', String(member.gid));
  if (!fitsTime(member.mtimeNs)) text('mtime', encodeTime(member.mtimeNs));
  const xattrs = [...(member.xattrs ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [key, value] of xattrs) records.push([xattrKey(key), value]);

  const header = ustar(member, split ?? { prefix: Buffer.alloc(0), name: name.subarray(0, 100) }, link);
  const extension = records.length > 0 ? paxMember(encodePax(records)) : Buffer.alloc(0);
  if (align === undefined) return Buffer.concat([extension, header]);
  return Buffer.concat([
    filler(align.position + extension.length + header.length, align.to),
    extension,
    header,
  ]);
}

/** A PAX header with nothing but a comment, long enough that what comes `after` begins at a multiple of `to`. */
function filler(after: number, to: number): Buffer {
  const missing = (to - (after % to)) % to;
  if (missing === 0) return Buffer.alloc(0);
  // The smallest extended header has two blocks.
  const total = missing === blockSize ? missing + to : missing;
  const body = total - blockSize;
  const fixed = `${body} comment=`.length + 1;
  return paxMember(encodePax([['comment', Buffer.alloc(body - fixed, 0x20)]]));
}

function paxMember(data: Buffer): Buffer {
  const header = emptyHeader();
  put(header, fields.name, 'PaxHeaders/0');
  putOctal(header, fields.mode, 0o644);
  putOctal(header, fields.uid, 0);
  putOctal(header, fields.gid, 0);
  putOctal(header, fields.size, data.length);
  putOctal(header, fields.mtime, 0);
  put(header, fields.type, 'x');
  seal(header);
  return Buffer.concat([header, data, Buffer.alloc(paddingOf(data.length))]);
}

function ustar(
  member: MemberHeader,
  { prefix, name }: { prefix: Buffer; name: Buffer },
  link: Buffer,
): Buffer {
  const header = emptyHeader();
  name.copy(header, fields.name[0]);
  prefix.copy(header, fields.prefix[0]);
  putOctal(header, fields.mode, member.mode & 0o7777);
  putOctal(header, fields.uid, member.uid > maxOctal7 ? 0 : member.uid);
  putOctal(header, fields.gid, member.gid > maxOctal7 ? 0 : member.gid);
  putOctal(header, fields.size, member.type !== 'file' || member.size > maxOctal11 ? 0 : member.size);
  putOctal(header, fields.mtime, headerSeconds(member.mtimeNs));
  put(header, fields.type, typeFlags[member.type]);
  link.copy(header, fields.link[0], 0, 100);
  putOctal(header, fields.major, member.device?.major ?? 0);
  putOctal(header, fields.minor, member.device?.minor ?? 0);
  seal(header);
  return header;
}

function emptyHeader(): Buffer {
  const header = Buffer.alloc(blockSize);
  put(header, fields.magic, 'ustar\u000000');
  return header;
}

function put(header: Buffer, [offset]: Field, text: string): void {
  header.write(text, offset, 'latin1');
}

function putOctal(header: Buffer, field: Field, value: number): void {
  put(header, field, value.toString(8).padStart(field[1] - 1, '0'));
}

function seal(header: Buffer): void {
  put(header, fields.checksum, `${checksums(header).unsigned.toString(8).padStart(6, '0')}\0 `);
}

/** The name in one or two fields; undefined when it is too long or not ASCII (then PAX says it). */
function splitName(name: Buffer): { prefix: Buffer; name: Buffer } | undefined {
  if (!isAscii(name)) return undefined;
  if (name.length <= 100) return { prefix: Buffer.alloc(0), name };
  // The slash between the two fields is not written; the later one names at most 100 bytes and isn't empty.
  const slash = name.indexOf(0x2f, name.length - 101);
  if (slash < 1 || slash > 155 || slash === name.length - 1) return undefined;
  return { prefix: name.subarray(0, slash), name: name.subarray(slash + 1) };
}

function isAscii(bytes: Buffer): boolean {
  return bytes.every((byte) => byte < 0x80);
}

function fitsTime(ns: bigint): boolean {
  return ns % 1_000_000_000n === 0n && ns >= 0n && ns / 1_000_000_000n <= BigInt(maxOctal11);
}

/** Whole seconds for readers that know no PAX. */
function headerSeconds(ns: bigint): number {
  const seconds = Number(ns / 1_000_000_000n);
  return ns >= 0n && seconds <= maxOctal11 ? seconds : 0;
}
