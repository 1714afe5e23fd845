/** Outputs, read by the programs that people use: skopeo, umoci, podman, the Docker daemon, tar. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Image,
  type OutputRequest,
  requireImage,
  saveImage,
  writeOutput,
} from '../../src/images/index.ts';
import type { BuildEvent, SnapshotId } from '../../src/plan/index.ts';
import { startDockerd } from '../support/dockerd.ts';
import { oneOfEverything, type PlainSnapshots, plainSnapshots, shell } from '../support/plain-snapshots.ts';
import { scratch } from '../support/scratch.ts';
import { listTree } from '../support/tree.ts';

let snapshots: PlainSnapshots;
let image: Image;
let top: SnapshotId;
const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const write = (
  request: Partial<OutputRequest> & { type: string },
  onEvent: (event: BuildEvent) => void = () => {},
) => writeOutput(snapshots.context, image, { tar: true, ...request }, { onEvent });

const skopeoCopy = (from: string, to: string) => run('skopeo', 'copy', '--insecure-policy', from, to);

beforeAll(async () => {
  snapshots = plainSnapshots();
  const base = await snapshots.add(
    (root) =>
      void shell(`${oneOfEverything}\ncp /bin/busybox bin/busybox; head -c 300000 /dev/urandom > big`, root),
  );
  const middle = await snapshots.add(() => {}, base);
  top = await snapshots.add(
    (root) =>
      void shell(
        'rm -r etc/deep; rm bin/dangling; printf two > etc/new; rm etc/acl; mkdir etc/acl; touch etc/acl/in',
        root,
      ),
    middle,
  );
  image = saveImage(
    snapshots.context.store.db,
    {
      snapshot: top,
      root: '/',
      config: {
        Cmd: ['/bin/busybox', 'cat', '/etc/new'],
        Env: ['A=b c'],
        Labels: { x: 'y' },
        ExposedPorts: { '80/tcp': {} },
        WorkingDir: '/etc',
      },
      platform: { os: 'linux', architecture: 'amd64' },
      history: [
        { createdBy: 'base', snapshot: base },
        { createdBy: 'nothing', snapshot: middle },
        { createdBy: 'CMD cat' },
        { createdBy: 'change', snapshot: top },
      ],
    },
    ['everything:1', 'localhost/other'],
  );
});
afterAll(() => snapshots[Symbol.dispose]());

const tree = () => listTree(snapshots.folderOf(top));

test('an OCI folder is read by umoci, and gives the same tree', async () => {
  using place = scratch();
  await write({ type: 'oci', dest: `${place.path('layout')}/`, tar: false });
  expect(run('umoci', 'ls', '--layout', place.path('layout')).split('\n').filter(Boolean).sort()).toEqual([
    '1',
    'latest',
  ]);
  // The last layer's own folders keep their times; umoci, as others, moves those of folders that a layer passes through.
  run('umoci', 'unpack', '--image', `${place.path('layout')}:1`, place.path('bundle'));
  expect(listTree(place.path('bundle/rootfs'))).toEqual(tree());
  const spec = JSON.parse(readFileSync(place.path('bundle/config.json'), 'utf8'));
  expect(spec.process.args).toEqual(image.config.Cmd);
});

test('an OCI tar is read by skopeo, which verifies all digests; history and layers agree', async () => {
  using place = scratch();
  const { digest, bytes } = await write({
    type: 'oci',
    dest: place.path('image.tar'),
    names: ['everything:1'],
  });
  expect(bytes).toBe(statSync(place.path('image.tar')).size);
  const facts = JSON.parse(run('skopeo', 'inspect', `oci-archive:${place.path('image.tar')}:1`));
  expect(facts).toMatchObject({ Digest: digest, Labels: { x: 'y' }, Architecture: 'amd64', Env: ['A=b c'] });
  expect(facts.Layers).toHaveLength(2);
  const config = JSON.parse(run('skopeo', 'inspect', '--config', `oci-archive:${place.path('image.tar')}:1`));
  expect(
    config.history.map((line: { created_by: string; empty_layer?: boolean }) => [
      line.created_by,
      line.empty_layer ?? false,
    ]),
  ).toEqual([
    ['base', false],
    ['nothing', true],
    ['CMD cat', true],
    ['change', false],
  ]);
  skopeoCopy(`oci-archive:${place.path('image.tar')}:1`, `dir:${place.path('dir')}`);
  expect(requireImage(snapshots.context.store.db, digest as string).id).toBe(image.id);
});

test('a docker tar is also an OCI archive, and is the same twice', async () => {
  using place = scratch();
  const first = await write({ type: 'docker', dest: place.path('a.tar') });
  const second = await write({ type: 'docker', dest: place.path('b.tar') });
  expect(second).toEqual(first);
  expect(readFileSync(place.path('a.tar')).equals(readFileSync(place.path('b.tar')))).toBe(true);
  run('tar', '-tf', place.path('a.tar'));
  skopeoCopy(`docker-archive:${place.path('a.tar')}:everything:1`, `dir:${place.path('docker')}`);
  skopeoCopy(`oci-archive:${place.path('a.tar')}:1`, `dir:${place.path('oci')}`);
});

test('podman loads it', async () => {
  using place = scratch();
  await write({ type: 'docker', dest: place.path('image.tar') });
  const podman = (...args: string[]) =>
    run(
      'podman',
      '--root',
      place.path('root'),
      '--runroot',
      place.path('run'),
      '--tmpdir',
      place.path('tmp'),
      '--storage-driver',
      'vfs',
      ...args,
    );
  // Its folder goes as a whole: `system reset` would disturb every podman of this machine.
  podman('load', '-q', '-i', place.path('image.tar'));
  expect(
    podman('image', 'ls', '--format', '{{.Repository}}:{{.Tag}}').split('\n').filter(Boolean).sort(),
  ).toEqual(['docker.io/library/everything:1', 'localhost/other:latest']);
  expect(
    podman('image', 'inspect', '--format', '{{json .Config.Cmd}}', 'docker.io/library/everything:1'),
  ).toContain('/etc/new');
  const mount = podman('image', 'mount', 'docker.io/library/everything:1').trim();
  expect(listTree(mount, { times: false })).toEqual(listTree(snapshots.folderOf(top), { times: false }));
  podman('image', 'umount', '-a');
});

test('the Docker daemon loads it, from a file and from our pipe', async () => {
  using place = scratch();
  await using daemon = await startDockerd();
  await write({ type: 'docker', dest: place.path('image.tar') });
  daemon.docker('load', '-q', '-i', place.path('image.tar'));
  const facts = JSON.parse(daemon.docker('image', 'inspect', 'everything:1'))[0];
  expect(facts.Config).toMatchObject({ Cmd: image.config.Cmd, Env: image.config.Env, WorkingDir: '/etc' });
  expect(facts.RootFS.Layers).toHaveLength(2);
  const merged = facts.GraphDriver.Data;
  const lower = [merged.UpperDir, merged.LowerDir].join(':');
  mkdirSync(place.path('mnt'));
  run('mount', '-t', 'overlay', '-o', `lowerdir=${lower}`, 'overlay', place.path('mnt'));
  try {
    expect(listTree(place.path('mnt'), { times: false })).toEqual(
      listTree(snapshots.folderOf(top), { times: false }),
    );
  } finally {
    run('umount', place.path('mnt'));
  }
  daemon.docker('rmi', '-f', facts.Id);
  const before = process.env['DOCKER_HOST'];
  process.env['DOCKER_HOST'] = daemon.host;
  try {
    await write({ type: 'docker' });
    expect(JSON.parse(daemon.docker('image', 'inspect', 'everything:1'))[0].Id).toBe(facts.Id);
    process.env['DOCKER_HOST'] = 'unix:///nowhere';
    await expect(write({ type: 'docker' })).rejects.toMatchObject({ code: 'no-docker', exitCode: 3 });
  } finally {
    if (before === undefined) delete process.env['DOCKER_HOST'];
    else process.env['DOCKER_HOST'] = before;
  }
});

test('a root filesystem as tar and as folder', async () => {
  using place = scratch();
  mkdirSync(place.path('gnu'));
  await write({ type: 'tar', dest: place.path('root.tar') });
  run(
    'tar',
    '-xpf',
    place.path('root.tar'),
    '-C',
    place.path('gnu'),
    '--xattrs',
    '--xattrs-include=*',
    '--numeric-owner',
  );
  expect(listTree(place.path('gnu'))).toEqual(tree());
  await write({ type: 'local', dest: `${place.path('local')}/`, tar: false });
  expect(listTree(place.path('local'))).toEqual(tree());
  writeFileSync(place.path('local/mine'), 'kept');
  writeFileSync(place.path('local/etc/new'), 'edited');
  await write({ type: 'local', dest: place.path('local') });
  expect(readFileSync(place.path('local/mine'), 'utf8')).toBe('kept');
  expect(listTree(place.path('local'), { without: ['mine'] })).toEqual(tree());
  expect(readdirSync(place.dir).sort()).toEqual(['gnu', 'local', 'root.tar']);
});

describe('places', () => {
  test('a layout that is there keeps its other images, and its blobs are not written again', async () => {
    using place = scratch();
    const dest = place.path('layout');
    run('umoci', 'init', '--layout', dest);
    run('umoci', 'new', '--image', `${dest}:theirs`);
    await write({ type: 'oci', dest, tar: false });
    const blobs = readdirSync(join(dest, 'blobs/sha256'));
    const times = blobs.map((name) => statSync(join(dest, 'blobs/sha256', name)).ctimeMs);
    expect((await write({ type: 'oci', dest, tar: false })).bytes).toBe(0);
    expect(blobs.map((name) => statSync(join(dest, 'blobs/sha256', name)).ctimeMs)).toEqual(times);
    expect(run('umoci', 'ls', '--layout', dest).split('\n').filter(Boolean).sort()).toEqual([
      '1',
      'latest',
      'theirs',
    ]);
    // Not a hard link: an edit here must not reach the store.
    for (const name of blobs) expect(statSync(join(dest, 'blobs/sha256', name)).nlink).toBe(1);
  });

  test.each([
    ['a folder for a file', { type: 'oci' }, 'filled', 'dest-is-a-folder'],
    ['a filled folder for a layout', { type: 'oci', tar: false }, 'filled', 'dest-not-empty'],
    ['a file for a folder', { type: 'local' }, 'filled/x', 'dest-is-a-file'],
    ['a missing folder', { type: 'docker' }, 'missing/x.tar', 'no-such-folder'],
    ['a missing dest', { type: 'oci' }, undefined, 'bad-output'],
    ['an unknown type', { type: 'floppy' }, 'x', 'bad-output'],
  ])('%s is refused', async (_, request, dest, code) => {
    using place = scratch();
    mkdirSync(place.path('filled'));
    writeFileSync(place.path('filled/x'), 'x');
    await expect(
      write({ ...request, ...(dest === undefined ? {} : { dest: place.path(dest) }) }),
    ).rejects.toMatchObject({ code, exitCode: 2 });
    expect(readdirSync(place.dir, { recursive: true }).sort()).toEqual(['filled', 'filled/x']);
  });

  test('a device is never replaced', async () => {
    await expect(write({ type: 'tar', dest: '/dev/null' })).rejects.toMatchObject({
      code: 'dest-is-no-file',
    });
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  test('a failure leaves what was there, and nothing else', async () => {
    using place = scratch();
    writeFileSync(place.path('old.tar'), 'old');
    const failing = { ...snapshots.context, signal: AbortSignal.abort() };
    for (const type of ['oci', 'docker', 'tar']) {
      await expect(
        writeOutput(failing, image, { type, dest: place.path('old.tar'), tar: true }, { onEvent: () => {} }),
      ).rejects.toThrow();
    }
    await expect(
      writeOutput(failing, image, { type: 'local', dest: place.path('new') }, { onEvent: () => {} }),
    ).rejects.toThrow();
    expect(readdirSync(place.dir)).toEqual(['old.tar']);
    expect(readFileSync(place.path('old.tar'), 'utf8')).toBe('old');
  });

  test('a full disk is told as that', async () => {
    using place = scratch();
    mkdirSync(place.path('small'));
    run('mount', '-t', 'tmpfs', '-o', 'size=200k', 'tmpfs', place.path('small'));
    try {
      for (const type of ['docker', 'tar'])
        await expect(write({ type, dest: place.path('small/x') })).rejects.toMatchObject({
          code: 'no-space',
          exitCode: 3,
        });
      for (const type of ['oci', 'local'])
        await expect(write({ type, tar: false, dest: place.path('small/x') })).rejects.toMatchObject({
          code: 'no-space',
          exitCode: 3,
        });
      expect(readdirSync(place.path('small'))).toEqual([]);
    } finally {
      run('umount', place.path('small'));
    }
  });
});

test('an image of a folder of its snapshot has only what lies there', async () => {
  using place = scratch();
  using own = plainSnapshots();
  const id = await own.add(
    (root) =>
      void shell(
        'mkdir -p chroot/etc work; printf in > chroot/etc/in; printf out > work/out; chmod 711 chroot',
        root,
      ),
  );
  const chroot = saveImage(
    own.context.store.db,
    { snapshot: id, root: '/chroot', config: {}, platform: image.platform, history: [] },
    ['c'],
  );
  await writeOutput(
    own.context,
    chroot,
    { type: 'oci', dest: place.path('l'), tar: false },
    { onEvent: () => {} },
  );
  run('umoci', 'unpack', '--image', `${place.path('l')}:latest`, place.path('b'));
  expect(listTree(place.path('b/rootfs'))).toEqual(listTree(join(own.folderOf(id), 'chroot')));
  await writeOutput(own.context, chroot, { type: 'tar', dest: place.path('t') }, { onEvent: () => {} });
  expect(run('tar', '-tf', place.path('t')).split('\n')).toEqual(['./', './etc/', './etc/in', '']);
  const linked = await own.add((root) => void shell('ln -s / chroot', root));
  const bad = saveImage(own.context.store.db, {
    snapshot: linked,
    root: '/chroot',
    config: {},
    platform: image.platform,
    history: [],
  });
  await expect(
    writeOutput(own.context, bad, { type: 'tar', dest: place.path('u') }, { onEvent: () => {} }),
  ).rejects.toMatchObject({ code: 'no-image-root' });
  expect(existsSync(place.path('u'))).toBe(false);
});

test('events tell of an output', async () => {
  using place = scratch();
  const events: BuildEvent[] = [];
  await write({ type: 'docker', dest: place.path('x.tar') }, (event) => events.push(event));
  expect(events.map(({ type }) => type)).toEqual(['output-started', 'output-done']);
  expect(events.at(-1)).toMatchObject({
    dest: place.path('x.tar'),
    bytes: statSync(place.path('x.tar')).size,
  });
});

test('an image of one GiB takes little memory, and its layers are not read again for the next output', async () => {
  using own = plainSnapshots();
  const { db } = own.context.store;
  const id = await own.add((root) => void shell('head -c 1073741824 /dev/zero | tr "\\0" x > big', root));
  const record = { snapshot: id, root: '/', config: {}, platform: image.platform, history: [] };
  const big = saveImage(db, record, ['big']);
  const before = process.memoryUsage().rss;
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss - before);
  }, 5);
  const options = { onEvent: () => {} };
  await writeOutput(own.context, big, { type: 'docker', dest: own.scratch.path('a.tar') }, options);
  const unread = {
    ...own.context,
    snapshots: {
      ...own.context.snapshots,
      changes(): never {
        throw new Error('the layer was made again');
      },
    },
  };
  await writeOutput(unread, big, { type: 'docker', dest: own.scratch.path('b.tar') }, options);
  await writeOutput(unread, big, { type: 'oci', dest: own.scratch.path('layout'), tar: false }, options);
  clearInterval(watch);
  expect(most / 2 ** 20).toBeLessThan(200);
  run('cmp', own.scratch.path('a.tar'), own.scratch.path('b.tar'));
}, 300_000);
