/** The newest Debian packages of Docker, unpacked in a folder of their own: nothing of this machine changes. */
import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { openApt } from './apt.ts';

/** runc isn't among them: it needs a newer C library than a stable release has, and the daemon takes that of the machine. */
const packages = ['docker.io', 'docker-cli', 'docker-buildx', 'containerd'];

/** Downloads and unpacks them below `dir`, once; returns the folder to run them from. Throws where that is impossible. */
export function fetchNewestDocker(dir: string): string {
  const root = join(dir, 'root');
  if (existsSync(root)) return root;
  const partial = join(dir, 'partial-root');
  mkdirSync(partial, { recursive: true });
  const apt = openApt(dir, 'deb', 'sid');
  apt.get('download', ...packages);
  for (const name of readdirSync(apt.files)) apt.run('dpkg', '-x', name, partial);
  renameSync(partial, root);
  return root;
}
