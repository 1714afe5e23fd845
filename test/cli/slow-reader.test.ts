/** What reads a pipe may be slower than what writes it: all of it arrives. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cambiumOk, program } from '../support/cli.ts';
import { type Scratch, scratch } from '../support/scratch.ts';

let place: Scratch;
let at: { store: string };

beforeAll(() => {
  place = scratch();
  at = { store: place.path('store') };
  mkdirSync(place.path('root'));
  writeFileSync(place.path('root', 'big'), randomBytes(600_000));
  // The end of an archive is what was lost: it must not come as a single piece.
  for (let file = 0; file < 40; file++)
    writeFileSync(place.path('root', `small${file}`), `${file}`.repeat(3000));
  cambiumOk(['image', 'import', place.path('root'), 'app'], at);
  cambiumOk(['volume', 'create', 'data', '--from', place.path('root')], at);
});

afterAll(() => place[Symbol.dispose]());

/** Takes a small piece each millisecond, and tells how many bytes came. */
const reader = `
const { readSync } = require('node:fs');
const wait = new Int32Array(new SharedArrayBuffer(4));
let bytes = 0;
for (let got = 1; got > 0; bytes += got) {
  got = readSync(0, Buffer.alloc(8192));
  Atomics.wait(wait, 0, 0, 1);
}
console.log(bytes);`;

/** Through a pipe of the shell's: Node's own are sockets. */
function bytesOf(args: readonly string[]): number {
  const words = [process.execPath, program, reader, ...args];
  const script = 'node=$1 program=$2 reader=$3; shift 3; "$node" -- "$program" "$@" | "$node" -e "$reader"';
  const env = { ...process.env, CAMBIUM_STORE: at.store };
  return Number(
    execFileSync('sh', ['-c', script, 'sh', ...words], {
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
      encoding: 'utf8',
    }),
  );
}

test.each(['tar', 'oci', 'docker'])('an archive of type %s', (type) => {
  const file = place.path(`file-${type}`);
  cambiumOk(['image', 'export', 'app', '-o', `type=${type},dest=${file}`], at);
  expect(bytesOf(['image', 'export', 'app', '-o', `type=${type},dest=-`])).toBe(statSync(file).size);
});

test('an archive of a volume', () => {
  cambiumOk(['volume', 'export', 'data', '-o', place.path('volume.tar')], at);
  expect(bytesOf(['volume', 'export', 'data', '-'])).toBe(statSync(place.path('volume.tar')).size);
});
