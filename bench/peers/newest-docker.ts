/** The newest Debian packages of Docker, unpacked in a folder of their own: nothing of this machine changes. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** runc isn't among them: it needs a newer C library than a stable release has, and the daemon takes that of the machine. */
const packages = ['docker.io', 'docker-cli', 'docker-buildx', 'containerd'];
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Downloads and unpacks them below `dir`, once; returns the folder to run them from. Throws where that is impossible. */
export function fetchNewestDocker(dir: string): string {
  const root = join(dir, 'root');
  if (existsSync(root)) return root;
  const partial = join(dir, 'partial-root');
  for (const name of ['lists/partial', 'cache/archives/partial', 'debs', 'partial-root'])
    mkdirSync(join(dir, name), { recursive: true });
  writeFileSync(join(dir, 'status'), '');
  writeFileSync(
    join(dir, 'sources.list'),
    `deb [signed-by=${keyring}] http://deb.debian.org/debian sid main\n`,
  );
  const settings = {
    'Dir::Etc::sourcelist': join(dir, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::State::lists': join(dir, 'lists'),
    'Dir::State::status': join(dir, 'status'),
    'Dir::Cache': join(dir, 'cache'),
    'APT::Sandbox::User': 'root',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const run = (program: string, ...args: string[]) =>
    execFileSync(program, args, {
      cwd: join(dir, 'debs'),
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: 300_000,
    });
  run('apt-get', '-qq', ...flags, 'update');
  run('apt-get', '-qq', ...flags, 'download', ...packages);
  for (const name of readdirSync(join(dir, 'debs'))) run('dpkg', '-x', name, partial);
  renameSync(partial, root);
  return root;
}
