/** What the projects of the warm cases stand on: a Debian with compilers, and the sources of jq. Downloaded once. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { environment } from './measure.ts';
import { openApt } from './peers/apt.ts';

const suite = 'bookworm';

const packages = [
  ...['gcc', 'libc6-dev', 'make', 'autoconf', 'automake', 'libtool', 'libonig-dev', 'nodejs'],
  // Maven's own repository of Debian: nothing is downloaded when it builds.
  ...['openjdk-17-jdk-headless', 'maven', 'libmaven-compiler-plugin-java', 'libmaven-resources-plugin-java'],
  'junit5',
];

/** A tar of the system. Throws where mmdebstrap or Debian's archive isn't there. */
export function fetchWarmBase(cacheDir: string): string {
  const tar = join(cacheDir, 'warm-base.tar');
  if (existsSync(tar)) return tar;
  const partial = join(cacheDir, 'partial-warm-base.tar');
  const options = [
    ...['--quiet', '--variant=minbase', `--include=${packages.join()}`],
    ...['--aptopt=APT::Install-Recommends "false"', '--dpkgopt=path-exclude=/usr/share/doc/*'],
    '--dpkgopt=path-exclude=/usr/share/locale/*',
  ];
  execFileSync('mmdebstrap', [...options, suite, partial], {
    env: environment(),
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 900_000,
  });
  renameSync(partial, tar);
  return tar;
}

/** A folder with jq's sources, as upstream released them. */
export function fetchJq(cacheDir: string): string {
  const dir = join(cacheDir, 'jq');
  const sources = join(dir, 'sources');
  if (existsSync(sources)) return sources;
  const apt = openApt(dir, 'deb-src', suite);
  apt.get('source', '--download-only', 'jq');
  const name = readdirSync(apt.files).find((file) => /\.orig\.tar\.\w+$/.test(file));
  if (name === undefined) throw new Error('the source package of jq has no tar of upstream');
  const partial = join(dir, 'partial-sources');
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial);
  apt.run('tar', '--strip-components=1', '-xf', name, '-C', partial);
  renameSync(partial, sources);
  return sources;
}
