/**
 * Files of glances (frontends/glance.ts): `glances/HEX`, one for each way to ask for a build. Each is the length of a head, the head as
 * JSON with what was asked in it, and bytes. None is needed: what can't be written or read is left out.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from './runs.ts';
import type { Store } from './store.ts';

/** The oldest beyond so many go, or beyond so much: one of 20,000 files is 2 MB. */
const mostFiles = 100;
const mostBytes = 64 * 1024 * 1024;

const lengthBytes = 4;

/** The file for what is asked (any text). Two may share a name: the file says which of them it is of. A digest would take 3 ms to load. */
export function glanceName(asked: string): string {
  // FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), twice, of 32 bits each.
  let [a, b] = [0x811c9dc5, asked.length];
  for (let at = 0; at < asked.length; at++) {
    a = Math.imul(a ^ asked.charCodeAt(at), 0x01000193);
    b = Math.imul(b ^ (a >>> 16), 0x01000193);
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}

export function readGlance(store: Store, name: string): { head: unknown; bytes: Uint8Array } | undefined {
  try {
    const file = readFileSync(join(store.dir, 'glances', name));
    const end = lengthBytes + file.readUInt32LE(0);
    // After a power cut a file may hold zeros, which are no JSON, and no metadata of a file that is there.
    return { head: JSON.parse(file.toString('utf8', lengthBytes, end)), bytes: file.subarray(end) };
  } catch {
    return undefined;
  }
}

export function writeGlance(store: Store, name: string, head: unknown, parts: readonly Uint8Array[]): void {
  const folder = join(store.dir, 'glances');
  const temporary = join(folder, `${name}.${newId()}`);
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32LE(text.length);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(temporary, Buffer.concat([length, text, ...parts]), { mode: 0o600 });
    renameSync(temporary, join(folder, name));
    dropOldest(folder);
  } catch {
    rmSync(temporary, { force: true });
  }
}

function dropOldest(folder: string): void {
  const files = readdirSync(folder).map((name) => ({ name, stats: statSync(join(folder, name)) }));
  files.sort((a, b) => b.stats.mtimeMs - a.stats.mtimeMs);
  let bytes = 0;
  for (const [at, { name, stats }] of files.entries()) {
    bytes += stats.size;
    if (at > 0 && (at >= mostFiles || bytes > mostBytes)) rmSync(join(folder, name), { force: true });
  }
}
