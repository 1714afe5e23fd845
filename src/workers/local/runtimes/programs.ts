/** Finds programs of the host, once. */
import { accessSync, constants, statSync } from 'node:fs';
import { basename } from 'node:path';

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

/** Changes when a program is updated. */
export function identityOf(path: string): string {
  const { size, mtimeMs, ino } = statSync(path);
  return `${size}-${mtimeMs}-${ino}`;
}

/** Whether a runtime can leave the cgroups of its containers to us. */
export function leavesCgroups(runtime: string): boolean {
  return isCrun(runtime);
}

export function isCrun(runtime: string): boolean {
  return basename(runtime) === 'crun';
}
