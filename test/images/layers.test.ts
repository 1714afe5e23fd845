/** Layers from changes: whiteouts, root folder, clamped times, hard links; made when asked for and remembered. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { composeImage, layersOf, saveImage } from '../../src/images/index.ts';
import { layerMembers } from '../../src/images/layer-members.ts';
import { makeLayer } from '../../src/images/layers.ts';
import { unpackLayer } from '../../src/kit/tar/unpack.ts';
import type { Change, Entry } from '../../src/kit/tree.ts';
import type { SnapshotId } from '../../src/plan/index.ts';
import { oneOfEverything, plainSnapshots, shell } from '../support/plain-snapshots.ts';
import { listTree } from '../support/tree.ts';

function present(path: string, rest: Partial<Entry> & { opaque?: boolean } = {}): Change {
  const { opaque, ...fields } = rest;
  const entry: Entry = {
    path,
    type: 'directory',
    mode: 0o755,
    uid: 0,
    gid: 0,
    size: 0,
    mtimeNs: 0n,
    ...fields,
  };
  return { kind: 'present', entry, content: '/nowhere', ...(opaque ? { opaque } : {}) };
}
const deleted = (path: string): Change => ({ kind: 'deleted', path });
const names = (changes: Change[], root = '/') =>
  [...layerMembers(changes, { root })].map(({ member }) =>
    member.link === undefined ? member.name : `${member.name} -> ${member.link}`,
  );

describe('members', () => {
  test('deleted paths become whiteouts, opaque folders get their mark', () => {
    expect(
      names([deleted('gone'), present('a', { opaque: true }), deleted('a/b/gone'), present('a/new')]),
    ).toEqual(['.wh.gone', 'a', 'a/.wh..wh..opq', 'a/b/.wh.gone', 'a/new']);
  });

  test('only what lies below the root folder counts, without its path', () => {
    const changes = [
      present(''),
      present('chroot', { mode: 0o750 }),
      present('chroot/etc'),
      deleted('chroot/x'),
      present('chroot2/no'),
      deleted('other'),
      present('work/y'),
    ];
    expect(names(changes, '/chroot')).toEqual(['.', 'etc', '.wh.x']);
    expect(names(changes, '/chroot/etc')).toEqual([]);
  });

  test('a root folder that is replaced hides all that was below it', () => {
    for (const change of [
      deleted('a/chroot'),
      deleted('a'),
      present('a', { opaque: true }),
      present('a', { type: 'symlink', link: 'x' }),
    ]) {
      expect(
        names([change], '/a/chroot'),
        JSON.stringify(change, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
      ).toEqual(['.wh..wh..opq']);
    }
    expect(names([present('a')], '/a/chroot')).toEqual([]);
  });

  test('a root folder that alone was touched makes no layer, one with another mode does', () => {
    expect(names([present('', { mtimeNs: 99n })])).toEqual([]);
    expect(names([present('', { mode: 0o700 })])).toEqual(['.']);
    expect(names([present(''), present('x')])).toEqual(['.', 'x']);
  });

  test('the first name of an inode is the file, further ones are links; sockets are left out', () => {
    const link = { type: 'fifo' as const, inode: '1:2' };
    expect(
      names([
        present('a', link),
        present('b', link),
        present('c', { ...link, inode: '1:3' }),
        present('s', { type: 'socket' }),
      ]),
    ).toEqual(['a', 'b -> a', 'c']);
    expect(
      names([present('out/a', link), present('root/b', link), present('root/c', link)], '/root'),
    ).toEqual(['b', 'c -> b']);
  });

  test('a file with the name of a whiteout is refused', () => {
    expect(() => names([present('a/.wh.x', { type: 'file' })])).toThrow(
      expect.objectContaining({ code: 'whiteout-name' }),
    );
  });

  test('SOURCE_DATE_EPOCH brings later times down and leaves others alone', () => {
    const changes = [present('a', { mtimeNs: 5_000_000_001n }), present('b', { mtimeNs: 4_999_999_999n })];
    expect(
      [...layerMembers(changes, { root: '/', clampSeconds: 5 })].map(({ member }) => member.mtimeNs),
    ).toEqual([5_000_000_000n, 4_999_999_999n]);
  });
});

describe('in a store', () => {
  test('layers unpack to the tree they were made of', async () => {
    using snapshots = plainSnapshots();
    const base = await snapshots.add((root) => void shell(oneOfEverything, root));
    const top = await snapshots.add(
      (root) =>
        void shell(
          'rm -r etc/deep; rm bin/link; mkdir bin/link; touch bin/link/in; chmod 700 sticky; rm pipe; printf new > pipe; chmod 711 .',
          root,
        ),
      base,
    );
    const layers = await layersOf(snapshots.context, { snapshot: top, root: '/', blobs: true });
    expect(layers.map(({ empty }) => empty)).toEqual([false, false]);
    const out = snapshots.scratch.path('out');
    mkdirSync(out);
    for (const { diffId } of layers)
      await unpackLayer(join(snapshots.context.store.dir, 'blobs/sha256', diffId.slice(7)), out);
    expect(listTree(out)).toEqual(listTree(snapshots.folderOf(top)));
    expect(shell('stat -c %a .', out)).toBe('711\n');
  });

  test('bytes are stored only when they are asked for, and layers are made once', async () => {
    using snapshots = plainSnapshots();
    const { store } = snapshots.context;
    const base = await snapshots.add((root) => writeFileSync(join(root, 'a'), 'a'));
    const top = await snapshots.add((root) => writeFileSync(join(root, 'b'), 'b'), base);
    const same = await snapshots.add(() => {}, top);
    const blobs = () => readdirSync(join(store.dir, 'blobs/sha256')).length;
    const request = { snapshot: same, root: '/' };

    const hashed = await layersOf(snapshots.context, { ...request, blobs: false });
    expect(hashed.map(({ empty }) => empty)).toEqual([false, false, true]);
    expect(blobs()).toBe(0);
    let read: SnapshotId[] = [];
    const { snapshots: reader } = snapshots.context;
    const counting = {
      ...snapshots.context,
      snapshots: {
        ...reader,
        changes: (id: SnapshotId) => {
          read.push(id);
          return reader.changes(id);
        },
      },
    };
    expect(await layersOf(counting, { ...request, blobs: false })).toEqual(hashed);
    expect(read).toEqual([]);

    expect(await layersOf(counting, { ...request, blobs: true })).toEqual(hashed);
    expect(read.sort()).toEqual([base, top].sort());
    expect(blobs()).toBe(2);
    read = [];
    expect(await layersOf(counting, { ...request, blobs: true })).toEqual(hashed);
    expect(read).toEqual([]);

    rmSync(join(store.dir, 'blobs/sha256', String(hashed[0]?.diffId).slice(7)));
    await layersOf(counting, { ...request, blobs: true });
    expect(read).toEqual([base]);
    expect(readdirSync(join(store.dir, 'run', snapshots.context.run?.id as string))).toEqual([]);
  });

  test('a file that can not be read leaves nothing', async () => {
    using snapshots = plainSnapshots();
    const { store } = snapshots.context;
    const base = await snapshots.add((root) => writeFileSync(join(root, 'a'), 'a'));
    const broken = {
      ...snapshots.context,
      snapshots: { ...snapshots.context.snapshots, changes: () => [present('x', { type: 'file', size: 3 })] },
    };
    await expect(layersOf(broken, { snapshot: base, root: '/', blobs: true })).rejects.toMatchObject({
      code: 'ENOENT',
    });
    expect(readdirSync(join(store.dir, 'blobs/sha256'))).toEqual([]);
    expect(readdirSync(join(store.dir, 'run', snapshots.context.run?.id as string))).toEqual([]);
    expect(existsSync(join(store.dir, 'cambium.db'))).toBe(true);
  });

  test('the same tree gives the same digests, with other dates too when times are clamped', async () => {
    const digests = async (date: string) => {
      using snapshots = plainSnapshots();
      const id = await snapshots.add((root) => {
        shell(`mkdir -p a/b; printf x > a/b/c; ln -s c a/b/d; find . -exec touch -h -d '${date}' {} +`, root);
      });
      const image = saveImage(snapshots.context.store.db, {
        snapshot: id,
        root: '/',
        config: { Env: ['A=1'], Cmd: ['x'] },
        platform: { os: 'linux', architecture: 'amd64' },
        history: [],
      });
      const { manifest, config } = await composeImage(snapshots.context, image, {
        clampSeconds: 1000,
        blobs: false,
      });
      return [
        manifest.digest,
        config.digest,
        (await layersOf(snapshots.context, { snapshot: id, root: '/', blobs: false }))[0]?.diffId,
      ];
    };
    const [a, b] = [await digests('2020-01-01T00:00:00Z'), await digests('2021-01-01T00:00:00Z')];
    expect(a.slice(0, 2)).toEqual(b.slice(0, 2));
    expect(a[2]).not.toBe(b[2]);
  });

  test('a layer of changes alone needs no store', async () => {
    const layer = await makeLayer([], { root: '/' });
    expect(layer).toMatchObject({ empty: true, size: 1024 });
  });
});
