/** Debian's archive by an apt with lists and settings of its own: nothing of this machine changes. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

export interface Apt {
  /** Where downloads go, and commands run. */
  files: string;
  /** `apt-get ARGS`. Throws unless it succeeds. */
  get(...args: string[]): void;
  run(program: string, ...args: string[]): void;
}

/** `dir` takes all of it. Throws where the archive can't be reached. */
export function openApt(dir: string, type: 'deb' | 'deb-src', suite: string): Apt {
  const files = join(dir, 'files');
  for (const name of ['lists/partial', 'cache/archives/partial', 'files'])
    mkdirSync(join(dir, name), { recursive: true });
  writeFileSync(join(dir, 'status'), '');
  const source = `${type} [signed-by=${keyring}] http://deb.debian.org/debian ${suite} main\n`;
  writeFileSync(join(dir, 'sources.list'), source);
  const settings = {
    'Dir::Etc::sourcelist': join(dir, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::State::lists': join(dir, 'lists'),
    'Dir::State::status': join(dir, 'status'),
    'Dir::Cache': join(dir, 'cache'),
    'APT::Sandbox::User': 'root',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const run: Apt['run'] = (program, ...args) => {
    execFileSync(program, args, { cwd: files, stdio: ['ignore', 'ignore', 'inherit'], timeout: 300_000 });
  };
  const get: Apt['get'] = (...args) => run('apt-get', '-qq', ...flags, ...args);
  get('update');
  return { files, get, run };
}
