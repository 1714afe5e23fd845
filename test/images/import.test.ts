/** What comes from elsewhere: layouts, archives of docker and podman, tars, folders; sound, and not. */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  diffImages,
  identifySource,
  imageHistory,
  importImage,
  importSource,
  inspectImage,
  layersOf,
  resolveSource,
  saveImage,
  shortName,
  tagsOf,
  writeOutput,
} from '../../src/images/index.ts';
import type { SnapshotId, StepKey } from '../../src/plan/index.ts';
import { findKey } from '../../src/store/snapshots.ts';
import { startDockerd } from '../support/dockerd.ts';
import { oneOfEverything, type PlainSnapshots, plainSnapshots, shell } from '../support/plain-snapshots.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { listTree } from '../support/tree.ts';

const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1e8 });

let place: Scratch;
let expected: string[];
let diffIds: string[];

/** An image in every form, made once: by our own output, repacked by skopeo (gzip, zstd) and others. */
beforeAll(async () => {
  place = scratch();
  using made = plainSnapshots();
  const base = await made.add(
    (root) => void shell(`${oneOfEverything}\nhead -c 200000 /dev/urandom > big`, root),
  );
  const top = await made.add(
    (root) => void shell('rm -r etc/deep; printf two > etc/new; rm bin/dangling', root),
    base,
  );
  const image = saveImage(
    made.context.store.db,
    {
      snapshot: top,
      root: '/',
      config: { Cmd: ['x'], Env: ['A=1'] },
      platform: { os: 'linux', architecture: 'amd64' },
      history: [
        { createdBy: 'lower', snapshot: base },
        { createdBy: 'CMD x' },
        { createdBy: 'upper', snapshot: top },
      ],
    },
    ['thing:1'],
  );
  const options = { onEvent: () => {} };
  await writeOutput(made.context, image, { type: 'oci', dest: place.path('layout'), tar: false }, options);
  await writeOutput(made.context, image, { type: 'oci', dest: place.path('oci.tar') }, options);
  await writeOutput(made.context, image, { type: 'docker', dest: place.path('docker.tar') }, options);
  await writeOutput(made.context, image, { type: 'tar', dest: place.path('root.tar') }, options);
  await writeOutput(made.context, image, { type: 'local', dest: place.path('folder') }, options);
  run('gzip', '-k', place.path('root.tar'));
  run('zstd', '-q', place.path('root.tar'));
  run('gzip', '-k', place.path('docker.tar'));
  const repack = (to: string, ...flags: string[]) =>
    run('skopeo', 'copy', '--insecure-policy', ...flags, `oci:${place.path('layout')}:1`, to);
  for (const format of ['gzip', 'zstd'])
    repack(`oci:${place.path(format)}:1`, '--dest-compress', '--dest-compress-format', format);
  repack(`docker-archive:${place.path('skopeo-docker.tar')}:thing:1`);
  expected = listTree(made.folderOf(top));
  diffIds = (await layersOf(made.context, { snapshot: top, root: '/', blobs: false })).map(
    ({ diffId }) => diffId,
  );
});
afterAll(() => place[Symbol.dispose]());

const importing = (snapshots: PlainSnapshots, path: string, tags: string[] = []) =>
  importImage({ context: snapshots.context, writer: snapshots.writer, stage: 'import', path, tags });

describe('sound images', () => {
  test.each(['layout', 'gzip', 'zstd', 'oci.tar', 'docker.tar', 'docker.tar.gz', 'skopeo-docker.tar'])(
    '%s comes in whole and goes out with the same layers',
    async (name) => {
      using snapshots = plainSnapshots();
      const image = await importing(snapshots, place.path(name), ['in:1']);
      expect(listTree(snapshots.folderOf(image.snapshot))).toEqual(expected);
      expect(image).toMatchObject({
        root: '/',
        config: { Cmd: ['x'], Env: ['A=1'] },
        platform: { os: 'linux', architecture: 'amd64' },
      });
      const facts = await inspectImage(snapshots.context, image);
      expect(facts.layers.map(({ digest }) => digest)).toEqual(diffIds);
      expect(
        (await imageHistory(snapshots.context, image)).map(({ createdBy, sizeBytes }) => [
          createdBy,
          sizeBytes > 0,
        ]),
      ).toEqual([
        ['upper', true],
        ['CMD x', false],
        ['lower', true],
      ]);
      const out = snapshots.scratch.path('out.tar');
      await writeOutput(
        snapshots.context,
        image,
        { type: 'docker', dest: out },
        { clampSeconds: 1000, onEvent: () => {} },
      );
      const config = JSON.parse(run('skopeo', 'inspect', '--config', `docker-archive:${out}`));
      expect(config.rootfs.diff_ids).toEqual(diffIds);

      expect(snapshots.filled).toBe(2);
      expect((await importing(snapshots, place.path(name), ['in:1'])).id).toBe(image.id);
      expect(snapshots.filled).toBe(2);
      expect(
        readdirSync(join(snapshots.context.store.dir, 'run', snapshots.context.run?.id as string)),
      ).toEqual([]);
    },
  );

  test('tags come from the archive when none are given', async () => {
    using snapshots = plainSnapshots();
    const tags = async (name: string) =>
      tagsOf(snapshots.context.store.db, (await importing(snapshots, place.path(name))).id).map(shortName);
    expect(await tags('docker.tar')).toEqual(['thing:1']);
    expect(await tags('gzip')).toContain('gzip:1');
  });

  test.each(['root.tar', 'root.tar.gz', 'root.tar.zst', 'folder'])(
    '%s is a root filesystem',
    async (name) => {
      using snapshots = plainSnapshots();
      const image = await importing(snapshots, place.path(name), ['root']);
      expect(listTree(snapshots.folderOf(image.snapshot))).toEqual(expected);
      const again = await importing(snapshots, place.path(name), ['root']);
      expect(again.id).toBe(image.id);
      expect(snapshots.filled).toBe(1);
    },
  );

  test('what docker and podman save is taken', async () => {
    await using daemon = await startDockerd();
    using files = scratch();
    daemon.docker('load', '-q', '-i', place.path('docker.tar'));
    daemon.docker('save', '-o', files.path('saved.tar'), 'thing:1');
    using snapshots = plainSnapshots();
    const image = await importing(snapshots, files.path('saved.tar'));
    expect(listTree(snapshots.folderOf(image.snapshot))).toEqual(expected);
    expect(tagsOf(snapshots.context.store.db, image.id)).toEqual(['docker.io/library/thing:1']);
    const podman = (...args: string[]) =>
      run(
        'podman',
        '--root',
        files.path('root'),
        '--runroot',
        files.path('run'),
        '--tmpdir',
        files.path('tmp'),
        '--storage-driver',
        'vfs',
        ...args,
      );
    podman('load', '-q', '-i', place.path('docker.tar'));
    for (const format of ['docker-archive', 'oci-archive']) {
      podman('save', '-q', '--format', format, '-o', files.path(format), 'docker.io/library/thing:1');
      const saved = await importing(snapshots, files.path(format), [format]);
      expect(listTree(snapshots.folderOf(saved.snapshot))).toEqual(expected);
    }
  });
});

describe('sources of a build', () => {
  const step = { key: 'k'.repeat(64) as StepKey, stage: 's', title: 't' };

  test('are identified without being unpacked, and imported under the key that was asked for', async () => {
    using snapshots = plainSnapshots();
    const { store } = snapshots.context;
    const layout = { type: 'oci-layout' as const, path: place.path('layout'), reference: '1' };
    const facts = await resolveSource(store, layout);
    expect(facts).toMatchObject({ config: { Cmd: ['x'] }, platform: { architecture: 'amd64' } });
    expect(await identifySource(store, layout)).toEqual({ content: facts.identity });
    expect(await identifySource(store, { ...layout, reference: facts.identity })).toEqual({
      content: facts.identity,
    });
    expect(snapshots.filled).toBe(0);
    for (const source of [
      layout,
      { type: 'tarball' as const, path: place.path('root.tar.gz') },
      { type: 'folder' as const, path: place.path('folder') },
    ]) {
      const key = { ...step, key: source.type.padEnd(64, 'k') as StepKey };
      const id = await importSource(snapshots.context, snapshots.writer, source, key);
      expect(listTree(snapshots.folderOf(id))).toEqual(expected);
      expect(findKey(store.db, key.key)?.snapshot).toBe(id);
    }
  });

  test('a changed tar has another identity, one that was only touched has not', async () => {
    using snapshots = plainSnapshots();
    const { store } = snapshots.context;
    const path = snapshots.scratch.path('r.tar');
    cpSync(place.path('root.tar'), path);
    const source = { type: 'tarball' as const, path };
    const first = await identifySource(store, source);
    shell(`touch -d 2001-01-01 '${path}'`, '/');
    expect(await identifySource(store, source)).toEqual(first);
    // Same size and time, other content.
    shell(
      `printf X | dd of='${path}' bs=1 seek=$(($(stat -c %s '${path}') - 1)) conv=notrunc status=none; touch -d 2001-01-01 '${path}'`,
      '/',
    );
    expect(await identifySource(store, source)).not.toEqual(first);
  });

  test('an image whose root is a folder of its snapshot becomes snapshots of its own', async () => {
    using snapshots = plainSnapshots();
    const id: SnapshotId = await snapshots.add(
      (root) => void shell('mkdir -p chroot/etc work; printf a > chroot/etc/a; printf w > work/w', root),
    );
    saveImage(
      snapshots.context.store.db,
      {
        snapshot: id,
        root: '/chroot',
        config: {},
        platform: { os: 'linux', architecture: 'amd64' },
        history: [],
      },
      ['spec'],
    );
    const made = await importSource(
      snapshots.context,
      snapshots.writer,
      { type: 'image', reference: 'spec' },
      step,
    );
    expect(listTree(snapshots.folderOf(made))).toEqual(listTree(join(snapshots.folderOf(id), 'chroot')));
    await expect(
      importSource(
        snapshots.context,
        snapshots.writer,
        { type: 'image', reference: '127.0.0.1:1/absent' },
        step,
      ),
    ).rejects.toMatchObject({ code: 'unreachable-registry' });
  });

  test('two images are compared', async () => {
    using snapshots = plainSnapshots();
    const { db } = snapshots.context.store;
    const record = { root: '/', config: {}, platform: { os: 'linux', architecture: 'amd64' }, history: [] };
    const base = await snapshots.add(
      (root) =>
        void shell(
          'mkdir d; printf 1 > d/a; printf 1 > d-x; printf 1 > gone; printf 1 > m; touch -d 2001-01-01 d/a d-x gone m d .',
          root,
        ),
    );
    const next = await snapshots.add(
      (root) =>
        void shell(
          'printf 2 > d/a; rm gone; printf n > new; chmod 600 m; touch -d 2001-01-01 d/a m d .',
          root,
        ),
      base,
    );
    const [a, b] = [
      saveImage(db, { ...record, snapshot: base }),
      saveImage(db, { ...record, snapshot: next }),
    ];
    expect(await diffImages(snapshots.context, a, b)).toEqual([
      { path: 'd/a', kind: 'changed', aspects: ['content'] },
      { path: 'gone', kind: 'removed', aspects: [] },
      { path: 'm', kind: 'changed', aspects: ['mode'] },
      { path: 'new', kind: 'added', aspects: [] },
    ]);
    expect(await diffImages(snapshots.context, a, a)).toEqual([]);
  });
});

describe('damaged images', () => {
  const rows: [string, string, (dir: string) => void, string][] = [
    ['a layer with other bytes', 'gzip', (dir) => damage(biggest(dir)), 'wrong-digest'],
    ['an uncompressed layer with other bytes', 'layout', (dir) => damage(biggest(dir)), 'wrong-digest'],
    [
      'a layer that is cut off',
      'gzip',
      (dir) => truncateSync(biggest(dir), statSync(biggest(dir)).size - 10),
      'wrong-digest',
    ],
    ['a missing layer', 'layout', (dir) => renameSync(biggest(dir), join(dir, 'elsewhere')), 'broken-image'],
    [
      'a changed manifest',
      'layout',
      (dir) => edit(dir, '"schemaVersion":2', '"schemaVersion":3'),
      'wrong-digest',
    ],
    [
      'a changed configuration',
      'layout',
      (dir) => edit(dir, '"architecture":"amd64"', '"architecture":"arm64"'),
      'wrong-digest',
    ],
    [
      'an index that is no JSON',
      'layout',
      (dir) => writeFileSync(join(dir, 'index.json'), '{'),
      'broken-image',
    ],
    [
      'an index without images',
      'layout',
      (dir) => writeFileSync(join(dir, 'index.json'), '{"schemaVersion":2,"manifests":[]}'),
      'unknown-image',
    ],
    [
      'a digest that is a path',
      'layout',
      (dir) =>
        writeFileSync(
          join(dir, 'index.json'),
          '{"manifests":[{"digest":"sha256:../../../etc/passwd","size":3}]}',
        ),
      'broken-image',
    ],
  ];
  const biggest = (dir: string) => {
    const blobs = readdirSync(join(dir, 'blobs/sha256')).map((name) => join(dir, 'blobs/sha256', name));
    return blobs.sort((a, b) => statSync(b).size - statSync(a).size)[0] as string;
  };
  const damage = (path: string) => {
    const bytes = readFileSync(path);
    const at = bytes.length >> 1;
    bytes[at] = (bytes[at] as number) ^ 0x55;
    writeFileSync(path, bytes);
  };
  const edit = (dir: string, from: string, to: string) => {
    for (const name of readdirSync(join(dir, 'blobs/sha256'))) {
      const path = join(dir, 'blobs/sha256', name);
      if (statSync(path).size < 10_000) writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
    }
  };

  test.each(rows)('%s is refused, and nothing of it stays', async (_, name, change, code) => {
    using snapshots = plainSnapshots();
    const dir = snapshots.scratch.path('copy');
    cpSync(place.path(name), dir, { recursive: true });
    change(dir);
    const attempt = importing(snapshots, dir, ['bad']);
    await expect(attempt).rejects.toMatchObject({ code });
    const error = await attempt.catch((caught) => caught);
    expect(error.exitCode).toBe(code === 'unknown-image' ? 2 : 3);
    const { store, run: own } = snapshots.context;
    expect(readdirSync(join(store.dir, 'run', own?.id as string))).toEqual([]);
    expect(store.db.prepare('SELECT count(*) AS n FROM images').get()).toEqual({ n: 0 });
    expect(readdirSync(join(store.dir, 'snapshots'))).toHaveLength(snapshots.filled);
    // What a blob's name says is what it holds.
    for (const blob of readdirSync(join(store.dir, 'blobs/sha256')))
      expect(run('sha256sum', join(store.dir, 'blobs/sha256', blob))).toContain(blob);
  });

  test('broken tars and missing paths', async () => {
    using snapshots = plainSnapshots();
    const path = snapshots.scratch.path('cut.tar');
    for (const name of ['root.tar', 'root.tar.gz', 'root.tar.zst', 'docker.tar']) {
      cpSync(place.path(name), path);
      truncateSync(path, Math.floor(statSync(path).size / 2));
      await expect(importing(snapshots, path), name).rejects.toMatchObject({
        code: 'broken-tar',
        exitCode: 3,
      });
    }
    writeFileSync(path, 'no tar at all'.repeat(1000));
    await expect(importing(snapshots, path)).rejects.toMatchObject({ code: 'broken-tar' });
    await expect(
      importSource(
        snapshots.context,
        snapshots.writer,
        { type: 'tarball', path },
        { key: 'x' as StepKey, stage: '', title: '' },
      ),
    ).rejects.toMatchObject({ code: 'broken-tar' });
    await expect(importing(snapshots, '/nowhere')).rejects.toMatchObject({
      code: 'missing-source',
      exitCode: 2,
    });
    await expect(
      resolveSource(snapshots.context.store, { type: 'tarball', path: '/nowhere' }),
    ).rejects.toMatchObject({ code: 'missing-source' });
    await expect(
      resolveSource(snapshots.context.store, {
        type: 'oci-layout',
        path: place.path('layout'),
        reference: 'no',
      }),
    ).rejects.toMatchObject({ code: 'unknown-image' });
    expect(readdirSync(join(snapshots.context.store.dir, 'snapshots'))).toEqual([]);
  });
});

test('an empty folder is an image too', async () => {
  using snapshots = plainSnapshots();
  mkdirSync(snapshots.scratch.path('empty'), { mode: 0o755 });
  const image = await importing(snapshots, snapshots.scratch.path('empty'), ['empty']);
  expect((await inspectImage(snapshots.context, image)).layers).toEqual([]);
});
