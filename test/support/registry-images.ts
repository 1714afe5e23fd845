/** Small images in registries, made by our own build and brought there by skopeo. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cambiumOk } from './cli.ts';
import type { Scratch } from './scratch.ts';

export function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1e8 });
}

/** A folder with a Dockerfile and files beside it. */
export function writeContext(
  dir: string,
  dockerfile: string,
  files: Record<string, string | Buffer> = {},
): string {
  mkdirSync(dir, { recursive: true });
  for (const [name, content] of Object.entries({ Dockerfile: dockerfile, ...files }))
    writeFileSync(join(dir, name), content);
  return dir;
}

/** An OCI layout of an image of two layers, tagged `latest`; `text` makes it another one. */
export function makeLayout(place: Scratch, text: string, platform?: string): string {
  const name = `${text}${platform ? platform.replace(/\W/g, '-') : ''}`;
  const context = writeContext(
    place.path(`context-${name}`),
    'FROM scratch\nCOPY one /one\nCOPY two /etc/two\nENV WHO=registry\nCMD ["/one"]\n',
    { one: `${text}\n`.repeat(5000), two: `${text} two\n` },
  );
  const dest = place.path(`layout-${name}`);
  const flags = platform === undefined ? [] : ['--platform', platform];
  cambiumOk(['build', context, '-o', `type=oci,dest=${dest}/`, ...flags], { store: place.path('made') });
  return dest;
}

/** Copies by skopeo, without checking certificates. */
export function skopeo(from: string, to: string, ...flags: string[]): void {
  run('skopeo', 'copy', '-q', '--src-tls-verify=false', '--dest-tls-verify=false', ...flags, from, to);
}
