/** Secrets reach a run as mounts only: afterwards they are in no file of the store, no log, no image, no output. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { build, buildOk, type CliOptions, cambiumOk } from '../support/cli.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { writeRootfs } from './support/rootfs.ts';

const words = {
  file: 'word-of-a-file-5f1c2e',
  variable: 'word-of-a-variable-77ab03',
  named: 'word-of-a-name-c0ffee12',
};
const rounds = `FROM base AS one
RUN --mount=type=secret,id=file [ "$(cat /run/secrets/file)" = "$(printf %s word-of-a)-file-5f1c2e" ] && sleep 0.1
RUN --mount=type=secret,id=variable,env=TOKEN [ "\${#TOKEN}" = ${words.variable.length} ] && env > /dev/null
RUN --mount=type=secret,id=NAMED,target=/root/key,mode=0400 [ -s /root/key ] && ls -l /root > /listing
FROM one
COPY --from=one /listing /copy
`;

let place: Scratch;
let options: CliOptions;
const flags = (file: string) => [
  '--secret',
  `id=file,src=${file}`,
  '--secret',
  'id=variable,env=SOME_VARIABLE',
  '--secret',
  'id=NAMED,type=env',
];

beforeAll(() => {
  place = scratch();
  const store = place.path('store');
  writeRootfs(place.path('rootfs'), place.path('rootfs.tar'));
  cambiumOk(['image', 'import', place.path('rootfs.tar'), 'base:latest'], { store });
  mkdirSync(place.path('context'));
  writeFileSync(place.path('file'), words.file);
  options = { store, cwd: place.dir, env: { SOME_VARIABLE: words.variable, NAMED: words.named } };
});

afterAll(() => place[Symbol.dispose]());

/** Paths of all files below the folders that hold one of the words; file names count too. */
function filesWith(wanted: readonly string[], ...folders: string[]): string[] {
  const found: string[] = [];
  const needles = wanted.flatMap((word) => [
    Buffer.from(word),
    Buffer.from(word, 'utf16le'),
    Buffer.from(Buffer.from(word).toString('base64').replace(/=+$/, '').slice(0, -2)),
    Buffer.from(Buffer.from(word).toString('hex')),
  ]);
  const visit = (folder: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (wanted.some((word) => entry.name.includes(word))) found.push(path);
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile()) {
        const bytes = readFileSync(path);
        if (needles.some((needle) => bytes.includes(needle))) found.push(path);
      }
    }
  };
  for (const folder of folders) visit(folder);
  return found;
}

function writeDockerfile(text: string): void {
  writeFileSync(place.path('context/Dockerfile'), text);
}

test('the search finds what is there', () => {
  mkdirSync(place.path('proof'));
  writeFileSync(place.path('proof/a'), `x${words.file}y`);
  writeFileSync(place.path('proof/b'), Buffer.from(words.named).toString('base64'));
  expect(filesWith(Object.values(words), place.path('proof')).sort()).toEqual([
    place.path('proof/a'),
    place.path('proof/b'),
  ]);
});

test('secrets of a good build are nowhere in the store, the image and the output', () => {
  writeDockerfile(rounds);
  const out = place.path('out');
  mkdirSync(out);
  const args = ['-t', 'secret:1', ...flags('file'), '--metadata-file', join(out, 'metadata')];
  const run = buildOk([...args, '-o', `type=docker,dest=${out}/image.tar`, 'context'], options);
  expect(run.ran.length).toBeGreaterThan(0);
  expect(filesWith(Object.values(words), options.store, out)).toEqual([]);
  for (const word of Object.values(words)) expect(run.stdout + run.stderr).not.toContain(word);
});

test('another secret makes no other key', () => {
  writeFileSync(place.path('other'), 'another-word-9931');
  const run = buildOk([...flags('other'), 'context'], {
    ...options,
    env: { SOME_VARIABLE: 'x', NAMED: 'y' },
  });
  expect(run.ran).toEqual([]);
});

test('secrets of a build that fails are not kept with its workspace', () => {
  writeDockerfile(`FROM base
RUN --mount=type=secret,id=file --mount=type=secret,id=variable,env=TOKEN [ -s /run/secrets/file ] && exit 3
`);
  const run = build([...flags('file'), 'context'], options);
  expect(run.code).toBe(1);
  expect(filesWith(Object.values(words), options.store)).toEqual([]);
  for (const word of Object.values(words)) expect(run.stdout + run.stderr).not.toContain(word);
});

test('secrets of a build that is killed are gone after the next one', async () => {
  writeDockerfile(`FROM base
RUN --mount=type=secret,id=file cp /run/secrets/file /dev/shm/ && sleep 60
`);
  const { startCambium } = await import('../support/cli.ts');
  const { child, ended } = startCambium(
    ['build', '--progress', 'json', ...flags('file'), 'context'],
    options,
  );
  await new Promise<void>((resolve) => {
    let text = '';
    child.stdout?.on('data', (data: Buffer) => {
      text += data.toString();
      if (text.includes('"step-started"')) resolve();
    });
  });
  await sleep(500);
  child.kill('SIGKILL');
  await ended;
  writeDockerfile('FROM base\nRUN echo next\n');
  buildOk(['context'], options);
  expect(filesWith(Object.values(words), options.store)).toEqual([]);
});

test('the socket of an agent is there in the run that asks for it, and leaves nothing', async () => {
  const socket = place.path('agent');
  const agent: ChildProcess = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  try {
    const key = place.path('key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    for (let tries = 0; tries < 50; tries++) {
      try {
        execFileSync('ssh-add', ['-q', key], {
          env: { ...process.env, SSH_AUTH_SOCK: socket },
          stdio: 'pipe',
        });
        break;
      } catch {
        await sleep(100);
      }
    }
    writeDockerfile(`FROM base
RUN --mount=type=ssh [ -S "$SSH_AUTH_SOCK" ] && echo "$SSH_AUTH_SOCK" > /place
RUN [ -z "$SSH_AUTH_SOCK" ] && cat /place && [ ! -e "$(cat /place)" ]
`);
    buildOk(['--ssh', `default=${socket}`, 'context'], options);
    const body = readFileSync(key, 'utf8').split('\n')[2] as string;
    expect(filesWith([socket, body], options.store)).toEqual([]);
  } finally {
    agent.kill();
  }
});
