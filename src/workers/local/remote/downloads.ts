/**
 * Where downloaded files are kept: downloads/DIGEST of the store, with what is known of each beside it in DIGEST.json, whose
 * time tells when it was last used.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf, sha256 } from '../../../kit/digest.ts';
import type { Store } from '../../../store/store.ts';

export interface DownloadPlace {
  data: string;
  facts: string;
}

function folderOf(store: Store): string {
  return join(store.dir, 'downloads');
}

/** The folder, made when it is first needed. Servers may have asked for a name and a password. */
export function makeDownloads(store: Store): void {
  mkdirSync(folderOf(store), { recursive: true, mode: 0o700 });
}

export function downloadPlace(store: Store, url: string, algorithm: string): DownloadPlace {
  const data = join(folderOf(store), hexOf(sha256(`${algorithm} ${url}`)));
  return { data, facts: `${data}.json` };
}

export function touchDownload({ facts }: DownloadPlace): void {
  const now = new Date();
  if (existsSync(facts)) utimesSync(facts, now, now);
}

/** Files that weren't used since `beforeMs`, what is left of broken downloads too. */
export function oldDownloads(store: Store, beforeMs: number): { path: string; bytes: number }[] {
  const folder = folderOf(store);
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder);
  const usedMs = (name: string) => statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return names
    .filter((name) => {
      const facts = `${name.replace(/\.json$/, '')}.json`;
      return usedMs(names.includes(facts) ? facts : name) < beforeMs;
    })
    .map((name) => {
      const path = join(folder, name);
      return { path, bytes: statSync(path, { throwIfNoEntry: false })?.size ?? 0 };
    });
}

export function removeDownloads(files: readonly { path: string }[]): void {
  // The record goes before what it speaks of.
  for (const { path } of files.toSorted((a, b) => b.path.length - a.path.length))
    rmSync(path, { force: true });
}
