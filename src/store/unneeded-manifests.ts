/** Removes manifests that nothing stands on any more: no scan, no whole result of a copy, no build that is remembered. */
import { existsSync } from 'node:fs';
import { fsPath } from '../kit/names.ts';
import type { Database } from './database.ts';
import { decodeLine, readManifest } from './manifests.ts';

/** A manifest younger than this may be one that a build under way has made for a later step. */
const graceMs = 24 * 60 * 60 * 1000;

/** To be called within a transaction. */
export function dropUnneededManifests(db: Database): void {
  const trees = db.prepare('SELECT id, name FROM scanned_trees').all() as { id: number; name: string }[];
  const forget = db.prepare('DELETE FROM scanned_trees WHERE id = ?');
  for (const { id, name } of trees) {
    const [folder] = JSON.parse(name) as [string];
    if (!existsSync(fsPath(folder))) forget.run(id);
  }
  db.exec(
    'DELETE FROM copied WHERE digest NOT IN (SELECT fact.value FROM build_steps, json_each(build_steps.inputs) AS fact)',
  );
  const needed = new Set<string>();
  const keep = (manifest: string) => {
    if (needed.has(manifest)) return;
    needed.add(manifest);
    for (const line of readManifest(db, manifest) ?? []) {
      const { inner } = decodeLine(line);
      if (inner) keep(inner.manifest);
    }
  };
  const roots = db
    .prepare(
      `SELECT manifest FROM scanned_folders UNION SELECT manifest FROM copied
       UNION SELECT json_extract(source.value, '$.manifest') FROM copy_slots, json_each(sources) AS copy,
         json_each(copy.value, '$.sources') AS source`,
    )
    .all() as { manifest: string }[];
  for (const { manifest } of roots) keep(manifest);
  const old = db.prepare('SELECT digest FROM manifests WHERE last_used_ms < ?').all(Date.now() - graceMs) as {
    digest: string;
  }[];
  const remove = db.prepare('DELETE FROM manifests WHERE digest = ?');
  for (const { digest } of old) if (!needed.has(digest)) remove.run(digest);
}
