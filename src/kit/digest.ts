/** SHA-256 digests, as OCI writes them: `sha256:` and 64 hex digits. */
import { createHash } from 'node:crypto';

declare const digestBrand: unique symbol;
export type Digest = string & { readonly [digestBrand]: true };

export function sha256(data: string | Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(data).digest('hex')}` as Digest;
}

/** The digest, checked for form; undefined where the text isn't one. */
export function parseDigest(text: string): Digest | undefined {
  return /^sha256:[0-9a-f]{64}$/.test(text) ? (text as Digest) : undefined;
}

/** The 64 hex digits alone, as used in file names. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/**
 * Text of a JSON value with object keys in sorted order, so that equal values give equal text. Values
 * that are undefined are left out, as JSON does.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`);
  return `{${fields.join(',')}}`;
}
