/** Finds programs of the host, once. */
import { accessSync, constants } from 'node:fs';

const found = new Map<string, string | undefined>();

/** Path of a program of the host; undefined when there is none. sbin is looked at too: a user's PATH often lacks it. */
export function findProgram(name: string): string | undefined {
  if (!found.has(name)) {
    const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
    found.set(
      name,
      folders
        .filter((folder) => folder.startsWith('/'))
        .map((folder) => `${folder}/${name}`)
        .find(isExecutable),
    );
  }
  return found.get(name);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
