/** What the store remembers of scans: of each folder, the metadata that its manifest was made from. */
import type { FileRows } from '../../../kit/file-rows.ts';
import { type Database, prepared, transaction } from '../../../store/database.ts';
import { readManifest, type Summary, writeManifests } from '../../../store/manifests.ts';
import type { Scanned } from './scan.ts';

export interface KnownTree {
  id: number;
  /** Over all metadata; empty where it must not vouch for the tree. */
  fingerprint: string;
  summary: Summary;
}

export interface KnownFolder {
  fingerprint: string;
  summary: Summary;
  /** Its entries, as lines of its manifest and as metadata, in the same order. Read only for folders that changed. */
  read(): { lines: string[]; rows: FileRows } | undefined;
}

interface SummaryRow {
  fingerprint: string;
  manifest: string;
  content: string;
  count: number;
  links: number;
}

const summaryColumns = 'fingerprint, manifest, content, count, links';

function summaryOf({ manifest, content, count, links }: SummaryRow): Summary {
  return { manifest, content, count, hasLinks: links === 1 };
}

export function rememberedTree(db: Database, name: string): KnownTree | undefined {
  const row = prepared(db, `SELECT id, ${summaryColumns} FROM scanned_trees WHERE name = ?`).get(name) as
    | (SummaryRow & { id: number })
    | undefined;
  return row && { id: row.id, fingerprint: row.fingerprint, summary: summaryOf(row) };
}

/** The folders of a tree, by path. */
export function rememberedFolders(db: Database, tree: number): Map<string, KnownFolder> {
  const rows = db
    .prepare(`SELECT path, ${summaryColumns} FROM scanned_folders WHERE tree = ?`)
    .all(tree) as unknown as (SummaryRow & { path: string })[];
  return new Map(
    rows.map((row) => {
      const read = () => {
        const kept = db
          .prepare('SELECT manifest, rows FROM scanned_folders WHERE tree = ? AND path = ?')
          .get(tree, row.path) as { manifest: string; rows: Uint8Array } | undefined;
        // Of the same row: another process may have written it meanwhile.
        const lines = kept && readManifest(db, kept.manifest);
        return kept && lines && { lines, rows: new Uint32Array(kept.rows.slice().buffer) };
      };
      return [row.path, { fingerprint: row.fingerprint, summary: summaryOf(row), read }];
    }),
  );
}

/** Keeps what a scan found out. Without a `name` only its manifests. */
export function rememberTree(
  db: Database,
  {
    name,
    fingerprint,
    summary,
    texts,
    folders,
  }: Omit<Scanned, 'isRacy'> & { name?: string; fingerprint?: string },
): void {
  transaction(db, () => {
    writeManifests(db, texts);
    if (name === undefined) return;
    const { id } = db
      .prepare(
        `INSERT INTO scanned_trees (name, ${summaryColumns}, last_used_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET fingerprint = excluded.fingerprint, manifest = excluded.manifest,
           content = excluded.content, count = excluded.count, links = excluded.links,
           last_used_ms = excluded.last_used_ms RETURNING id`,
      )
      .get(name, ...summaryValues(fingerprint ?? '', summary), Date.now()) as { id: number };
    const insert = db.prepare(
      `INSERT OR REPLACE INTO scanned_folders (tree, path, ${summaryColumns}, rows) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    for (const [path, folder] of folders) {
      if (folder === 'as-known') continue;
      const { buffer, byteOffset, byteLength } = folder.rows;
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      insert.run(id, path, ...summaryValues(folder.fingerprint, folder.summary), bytes);
    }
    const paths = db.prepare('SELECT path FROM scanned_folders WHERE tree = ?').all(id) as { path: string }[];
    const remove = db.prepare('DELETE FROM scanned_folders WHERE tree = ? AND path = ?');
    for (const { path } of paths) if (!folders.has(path)) remove.run(id, path);
  });
}

function summaryValues(fingerprint: string, { manifest, content, count, hasLinks }: Summary) {
  return [fingerprint, manifest, content, count, hasLinks ? 1 : 0] as const;
}
