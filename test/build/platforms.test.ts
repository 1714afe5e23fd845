/** Builds for other platforms, and for several at once. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { build, buildOk, cambium, cambiumOk } from '../support/cli.ts';
import { armProgram } from '../support/foreign-program.ts';
import { type Scratch, scratch } from '../support/scratch.ts';

let place: Scratch;
let at: { store: string; cwd: string };

beforeAll(() => {
  place = scratch();
  for (const folder of ['ctx/amd64/bin', 'ctx/arm64/bin']) mkdirSync(place.path(folder), { recursive: true });
  copyFileSync('/usr/bin/busybox', place.path('ctx/amd64/bin/busybox'));
  for (const name of ['sh', 'touch', 'mkdir']) symlinkSync('busybox', place.path('ctx/amd64/bin', name));
  for (const [name, program] of [
    ['run', armProgram('/made', '/bin/next')],
    ['next', armProgram('/made-next')],
  ] as const) {
    writeFileSync(place.path('ctx/arm64/bin', name), program);
    chmodSync(place.path('ctx/arm64/bin', name), 0o755);
  }
  at = { store: place.path('store'), cwd: place.path('ctx') };
});

afterAll(() => place[Symbol.dispose]());

function dockerfile(...lines: string[]): void {
  writeFileSync(place.path('ctx/Dockerfile'), `${lines.join('\n')}\n`);
}

interface Descriptor {
  mediaType: string;
  digest: string;
  platform?: object;
  annotations?: Record<string, string>;
}

function blob<T>(layout: string, digest: string): T {
  return JSON.parse(readFileSync(place.path(layout, 'blobs/sha256', digest.slice(7)), 'utf8')) as T;
}

const both = ['--platform', 'linux/amd64,linux/arm64'];

test('several platforms make an index; what is the same for all runs once', () => {
  dockerfile(
    'FROM scratch AS common',
    'COPY Dockerfile /common',
    'FROM scratch',
    'ARG TARGETARCH',
    'COPY $TARGETARCH /',
    'COPY --from=common /common /',
    'ENV ARCH=$TARGETARCH',
  );
  const args = ['.', ...both, '-t', 'base', '-o', 'type=oci,dest=../base/', '--iidfile', '../iid'];
  const first = buildOk(args, at);
  expect(first.ran.toSorted()).toEqual([
    'common',
    ...['stage-1 (linux/amd64)', 'stage-1 (linux/amd64)'],
    ...['stage-1 (linux/arm64)', 'stage-1 (linux/arm64)'],
  ]);
  expect(buildOk(['.', ...both], at).ran).toEqual([]);

  const top = JSON.parse(readFileSync(place.path('base/index.json'), 'utf8')) as { manifests: Descriptor[] };
  expect(top.manifests).toHaveLength(1);
  const [entry] = top.manifests as [Descriptor];
  expect(readFileSync(place.path('iid'), 'utf8')).toBe(entry.digest);
  expect(entry).toMatchObject({
    mediaType: 'application/vnd.oci.image.index.v1+json',
    annotations: { 'io.containerd.image.name': 'docker.io/library/base:latest' },
  });
  const index = blob<{ manifests: Descriptor[] }>('base', entry.digest);
  const found = index.manifests.map(({ digest, platform }) => {
    const { config } = blob<{ config: Descriptor }>('base', digest);
    const image = blob<{ architecture: string; config: { Env: string[] } }>('base', config.digest);
    return [platform, image.architecture, image.config.Env.at(-1)];
  });
  expect(found).toEqual([
    [{ os: 'linux', architecture: 'amd64' }, 'amd64', 'ARCH=amd64'],
    [{ os: 'linux', architecture: 'arm64' }, 'arm64', 'ARCH=arm64'],
  ]);
});

test('the index is one name in the store, and its images go with it', () => {
  dockerfile('FROM scratch', 'ARG TARGETARCH', 'COPY $TARGETARCH /here');
  buildOk(['.', ...both, '-t', 'gone'], at);
  expect(cambiumOk(['image', 'ls'], at).stdout).toMatch(/gone:latest +\w+ +linux\/amd64,linux\/arm64/);
  const [facts] = JSON.parse(cambiumOk(['image', 'inspect', 'gone'], at).stdout) as [
    { id: string; images: { id: string; platform: { architecture: string } }[] },
  ];
  expect(facts.images.map(({ platform }) => platform.architecture)).toEqual(['amd64', 'arm64']);
  const arm = facts.images[1] as { id: string };

  const docker = cambium(['image', 'export', 'gone', '-o', 'type=docker,dest=../gone.tar'], at);
  expect(docker.code).toBe(2);
  expect(docker.stderr).toContain(`linux/arm64 is ${arm.id.slice(0, 12)}`);
  cambiumOk(['image', 'export', arm.id, '-o', '../arm-root'], at);
  expect(readdirSync(place.path('arm-root/here/bin')).toSorted()).toEqual(['next', 'run']);

  const part = cambium(['image', 'rm', arm.id], at);
  expect(part.code).toBe(2);
  expect(part.stderr).toContain('cambium image rm gone:latest');
  cambiumOk(['cache', 'prune', '--all'], at);
  cambiumOk(['image', 'export', arm.id, '-o', '../arm-again'], at);
  cambiumOk(['image', 'rm', 'gone'], at);
  expect(cambiumOk(['image', 'ls', '--all'], at).stdout).not.toContain(arm.id.slice(0, 12));
});

test('outputs with place for one platform are refused before anything runs', () => {
  dockerfile('FROM scratch', 'COPY amd64 /never-built');
  const run = build(['.', ...both, '-o', 'type=docker,dest=../no.tar'], at);
  expect(run.code).toBe(2);
  expect(run.stdout + run.stderr).toContain('An output of the type docker holds one platform');
  expect(run.ran).toEqual([]);
});

test('a base with several platforms gives the one that is asked for, from a layout and from the store', () => {
  dockerfile(
    'FROM --platform=$BUILDPLATFORM base AS tool',
    'RUN touch /from-tool',
    'FROM base',
    'COPY --from=tool /from-tool /',
  );
  for (const from of [['--build-context', 'base=oci-layout://../base'], []]) {
    buildOk(['.', '--platform', 'linux/arm64', '-o', `../out${from.length}`, ...from], at);
    expect(readdirSync(place.path(`out${from.length}/bin`)).toSorted()).toEqual(['next', 'run']);
    expect(readdirSync(place.path(`out${from.length}`))).toContain('from-tool');
  }
  const missing = build(['.', '--platform', 'linux/riscv64'], at);
  expect(missing.code).toBe(2);
  expect(missing.stdout + missing.stderr).toContain('It has linux/amd64, linux/arm64.');
});

test('image import takes all platforms of a layout, one where that is asked for, and what is whole', () => {
  const own = { store: place.path('importing'), cwd: place.dir };
  const listed = (name: string) =>
    cambiumOk(['image', 'ls'], own)
      .stdout.split('\n')
      .find((line) => line.startsWith(`${name}:`));
  cambiumOk(['image', 'import', 'oci:base', 'all:1'], own);
  expect(listed('all')).toContain('linux/amd64,linux/arm64');
  cambiumOk(['image', 'export', 'all:1', '-o', 'type=oci,dest=again/'], own);
  const platformsOf = (layout: string) => {
    const [top] = (
      JSON.parse(readFileSync(place.path(layout, 'index.json'), 'utf8')) as { manifests: Descriptor[] }
    ).manifests as [Descriptor];
    return blob<{ manifests: Descriptor[] }>(layout, top.digest).manifests;
  };
  expect(platformsOf('again').map(({ platform }) => platform)).toEqual(
    platformsOf('base').map(({ platform }) => platform),
  );
  cambiumOk(['image', 'import', '--platform', 'linux/arm64', 'base', 'arm:1'], own);
  expect(listed('arm')).toMatch(/ linux\/arm64 /);
  const none = cambium(['image', 'import', '--platform', 'linux/riscv64', 'base', 'none:1'], own);
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('none of them for linux/riscv64') });
  // As who saves an image for this machine alone may leave it.
  const arm = platformsOf('base')[1] as Descriptor;
  rmSync(place.path('base/blobs/sha256', arm.digest.slice(7)));
  cambiumOk(['image', 'import', 'base', 'part:1'], own);
  expect(listed('part')).toMatch(/ linux\/amd64 /);
});

const emulator = spawnSync('sh', ['-c', 'command -v qemu-aarch64-static']).status === 0;

test.runIf(emulator)(
  'programs of another architecture run, those that they start too, and nothing stays',
  () => {
    dockerfile('FROM base', 'RUN ["/bin/run"]');
    buildOk(['.', '--platform', 'linux/arm64', '-o', '../emulated'], at);
    expect(readdirSync(place.path('emulated')).toSorted()).toEqual(['bin', 'common', 'made', 'made-next']);
    dockerfile('FROM base');
    buildOk(['.', '--platform', 'linux/arm64', '-t', 'armed'], at);
    cambiumOk(['shell', 'armed', '/bin/next'], at);
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(place.dir);
  },
);

test('where nothing emulates a platform, the error says what to install', () => {
  dockerfile('FROM scratch', 'COPY arm64 /', 'RUN ["/bin/run"]');
  const run = cambium(['build', '.', '--platform', 'linux/loong64'], { ...at, env: { PATH: '/nowhere' } });
  expect(run.code).toBe(3);
  expect(run.stderr).toContain('apt-get install qemu-user-static');
});
