/** PAX records: `LENGTH KEY=VALUE\n`, the length counting itself; values are bytes. Times as decimal seconds. */
import { brokenTar } from './format.ts';

export type PaxRecord = readonly [key: string, value: Buffer];

/** Above this an extended header is taken for an attack: xattrs of one file end at 64 KiB each. */
export const maxExtensionBytes = 4 * 1024 * 1024;

const xattrPrefix = 'SCHILY.xattr.';

export function encodePax(records: readonly PaxRecord[]): Buffer {
  return Buffer.concat(records.flatMap(([key, value]) => encodeRecord(key, value)));
}

function encodeRecord(key: string, value: Buffer): Buffer[] {
  const body = Buffer.byteLength(key) + value.length + 3;
  let length = body + String(body).length;
  // One more digit may be needed for the digits themselves.
  if (body + String(length).length !== length) length = body + String(length).length;
  return [Buffer.from(`${length} ${key}=`), value, Buffer.from('\n')];
}

/** All records in order; a key may come more than once (GNU.sparse.offset). */
export function decodePax(data: Buffer): PaxRecord[] {
  const records: PaxRecord[] = [];
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const digits = data.toString('latin1', at, space === -1 ? at : space);
    const end = at + Number(digits);
    const equals = data.indexOf(0x3d, space);
    if (
      !/^[1-9]\d{0,9}$/.test(digits) ||
      end > data.length ||
      equals === -1 ||
      equals >= end ||
      data[end - 1] !== 0x0a
    ) {
      throw brokenTar('an extended header has a malformed record');
    }
    records.push([data.toString('utf8', space + 1, equals), data.subarray(equals + 1, end - 1)]);
    at = end;
  }
  return records;
}

/** `=` can't stand in a key: it is written %3D, as GNU tar does. */
export function xattrKey(name: string): string {
  return xattrPrefix + name.replaceAll('%', '%25').replaceAll('=', '%3D');
}

/** The xattr that a record holds, or undefined when it isn't one. */
export function xattrName(key: string): string | undefined {
  if (!key.startsWith(xattrPrefix)) return undefined;
  return key.slice(xattrPrefix.length).replaceAll('%3D', '=').replaceAll('%25', '%');
}

/** Nanoseconds → `-12.5`. */
export function encodeTime(ns: bigint): string {
  const absolute = ns < 0n ? -ns : ns;
  const fraction = (absolute % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  return `${ns < 0n ? '-' : ''}${absolute / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`;
}

/** `-12.5` → nanoseconds; digits after the ninth are cut off. */
export function decodeTime(text: string): bigint {
  const match = /^(-?)(\d{1,18})(?:\.(\d*))?$/.exec(text);
  if (match === null) throw brokenTar(`the time ${JSON.stringify(text)} is not a number`);
  const ns =
    BigInt(match[2] as string) * 1_000_000_000n + BigInt((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  return match[1] === '-' ? -ns : ns;
}

/** A record's value as a whole number that is not negative. */
export function decodeCount(value: Buffer, what: string): number {
  const text = value.toString('latin1');
  const number = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(number))
    throw brokenTar(`its ${what} ${JSON.stringify(text.slice(0, 20))} is not a number`);
  return number;
}
