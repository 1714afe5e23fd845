/** Where a root filesystem comes from, as a build file names it: the forms that `FROM` knows. */
import { join, resolve } from 'node:path';
import type { SourceLocation } from '../kit/errors.ts';
import { statIfThere } from '../kit/host-files.ts';
import type { Source } from '../plan/index.ts';
import type { Complaint } from './complaints.ts';

const layoutScheme = 'oci-layout://';

/**
 * Reads `oci-layout://DIR[:tag|@digest]`, `rootfs.tar[.gz|.zst]`, a folder (`./…`, `/…` or one that exists), or else the
 * name of an image of the store. Relative paths start at `tree`.
 */
export function parseSource(
  text: string,
  tree: string,
  location: SourceLocation,
): { source: Source } | { complaint: Complaint } {
  if (text.startsWith(layoutScheme)) return parseLayout(text, tree, location);
  const path = resolve(tree, text);
  const stats = statIfThere(path);
  if (/\.(tar|tgz|tar\.gz|tar\.zst)$/.test(text)) {
    return stats?.isFile()
      ? { source: { type: 'tarball', path } }
      : missing(`The archive ${text} doesn't exist.`, location);
  }
  if (
    /^\.{0,2}\//.test(text) ||
    text === '.' ||
    text === '..' ||
    (stats?.isDirectory() && text.includes('/'))
  ) {
    return stats?.isDirectory()
      ? { source: { type: 'folder', path } }
      : missing(`The folder ${text} doesn't exist.`, location);
  }
  return { source: { type: 'image', reference: text } };
}

function parseLayout(text: string, tree: string, location: SourceLocation): ReturnType<typeof parseSource> {
  const rest = text.slice(layoutScheme.length);
  // A digest follows `@`; a tag follows the last `:` that no `/` comes after.
  const parts = /^(.*)@(sha256:.*)$/.exec(rest) ?? /^(.*):([^/:]+)$/.exec(rest);
  const path = resolve(tree, parts?.[1] ?? rest);
  if (!statIfThere(join(path, 'oci-layout'))) {
    return missing(`${path} is not a folder in OCI image layout.`, location);
  }
  const reference = parts?.[2];
  return { source: { type: 'oci-layout', path, ...(reference === undefined ? {} : { reference }) } };
}

function missing(message: string, location: SourceLocation): { complaint: Complaint } {
  return { complaint: { code: 'missing-source', message, location } };
}
