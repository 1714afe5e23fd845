/**
 * Where `image import` reads from: a path, or a place by the name that skopeo and podman give its kind. Here `docker://` is the
 * running daemon, as `docker-daemon:` is: registries are what `image pull` is for.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { wrongUse } from '../../kit/errors.ts';
import type { Image } from '../records.ts';
import { type ImportRequest, importImage } from './index.ts';

export type ImportSource =
  | { type: 'path'; path: string; form?: ArchiveForm; reference?: string }
  | { type: 'daemon'; name: string }
  | { type: 'containers-storage'; name: string };

/** What must lie at a path: an archive of `docker save`, or an OCI layout as archive or folder. */
export type ArchiveForm = 'docker-archive' | 'oci-archive' | 'oci';

/** Reads `docker://NAME`, `docker-daemon:NAME`, `docker-archive:FILE[:NAME]`, `oci:DIR[:TAG]`, … or a path. */
export function parseImportSource(text: string, cwd: string): ImportSource {
  const [, kind = '', rest = ''] =
    /^(docker:\/\/|docker-daemon:|docker-archive:|oci-archive:|oci:|containers-storage:)(.*)$/s.exec(text) ??
    [];
  if (kind === '') return { type: 'path', path: resolve(cwd, text) };
  if (rest === '')
    throw wrongUse('bad-source', `\`${text}\` names nothing to import.`, {
      hint: `Write it as ${kind}${examples[kind] ?? 'NAME'}.`,
    });
  if (kind === 'docker://' || kind === 'docker-daemon:') return { type: 'daemon', name: rest };
  if (kind === 'containers-storage:') return { type: 'containers-storage', name: rest };
  return { type: 'path', form: kind.slice(0, -1) as ArchiveForm, ...splitReference(rest, cwd) };
}

const examples: Partial<Record<string, string>> = {
  'docker-archive:': 'FILE[:NAME]',
  'oci-archive:': 'FILE[:TAG]',
  'oci:': 'DIR[:TAG]',
};

/** The path ends at the first colon, unless one with colons in its name is there. */
function splitReference(text: string, cwd: string): { path: string; reference?: string } {
  const colon = text.indexOf(':');
  const whole = resolve(cwd, text);
  if (colon < 1 || existsSync(whole)) return { path: whole };
  const reference = text.slice(colon + 1);
  return { path: resolve(cwd, text.slice(0, colon)), ...(reference !== '' && { reference }) };
}

/** Brings the image in from wherever it is. */
export async function importFrom(
  source: ImportSource,
  request: Omit<ImportRequest, 'path' | 'form' | 'place'>,
): Promise<Image> {
  switch (source.type) {
    case 'path': {
      const { type: _, ...place } = source;
      return importImage({ ...request, ...place });
    }
    case 'daemon': {
      const { importFromDaemon } = await import('../docker/import.ts');
      return importFromDaemon(request, source.name);
    }
    case 'containers-storage': {
      const { importFromContainersStorage } = await import('./containers-storage.ts');
      return importFromContainersStorage(request, source.name);
    }
  }
}
