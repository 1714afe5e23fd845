/** Unpacking: no archive, however made, reaches out of its folder; and layers hide what they say, no more. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type MemberHeader, paddingOf } from '../../src/kit/tar/format.ts';
import { streamInput } from '../../src/kit/tar/input.ts';
import { unpackLayerStream } from '../../src/kit/tar/layer-stream.ts';
import { unpackLayer, unpackTar } from '../../src/kit/tar/unpack.ts';
import { encodeHeader, endOfArchive } from '../../src/kit/tar/write.ts';
import { walkTree } from '../../src/kit/walk-tree.ts';
import { scratch } from '../support/scratch.ts';
import { type ListOptions, listTree } from '../support/tree.ts';

type Spec = Partial<MemberHeader> & { name: string; data?: string };

function tarOf(...specs: Spec[]): Buffer {
  const parts = specs.flatMap(({ data = '', ...spec }) => {
    const type = spec.type ?? 'file';
    const header: MemberHeader = {
      mode: type === 'directory' ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      mtimeNs: 1_000_000_000n,
      type,
      size: data.length,
      ...spec,
    };
    return [encodeHeader(header), Buffer.from(data), Buffer.alloc(paddingOf(data.length))];
  });
  return Buffer.concat([...parts, endOfArchive]);
}

async function* once(data: Buffer): AsyncGenerator<Buffer> {
  yield data;
}

/** A folder `root` to unpack into, and beside it what must stay untouched. */
function guarded(compared: ListOptions = {}) {
  const place = scratch();
  mkdirSync(place.path('root'));
  mkdirSync(place.path('outside'));
  writeFileSync(place.path('outside/secret'), 'secret');
  const before = listTree(place.path('outside'));
  return {
    root: place.path('root'),
    outside: place.path('outside'),
    unpack: (...specs: Spec[]) => unpackTar(streamInput(once(tarOf(...specs))), place.path('root')),
    /** In two passes, and in one into a copy: where one says that it is enough, the outcome is the same. */
    async layer(...specs: Spec[]): Promise<boolean> {
      writeFileSync(place.path('layer.tar'), tarOf(...specs));
      execFileSync('cp', ['-a', place.path('root'), place.path('twin')]);
      await unpackLayer(place.path('layer.tar'), place.path('root'));
      const isEnough = await unpackLayerStream(streamInput(once(tarOf(...specs))), place.path('twin'));
      if (isEnough)
        expect(listTree(place.path('twin'), compared)).toEqual(listTree(place.path('root'), compared));
      rmSync(place.path('twin'), { recursive: true });
      return isEnough;
    },
    expectUntouched: () => expect(listTree(place.path('outside'))).toEqual(before),
    [Symbol.dispose]: () => place[Symbol.dispose](),
  };
}

describe('malicious archives', () => {
  test.each([
    ['a name with ..', [{ name: '../outside/new', data: 'x' }]],
    ['a name with .. in the middle', [{ name: 'a/../../outside/new', data: 'x' }]],
    ['a folder ..', [{ name: '..', type: 'directory', mode: 0o777 }]],
    ['a hard link to ..', [{ name: 'link', type: 'hardlink', link: '../outside/secret' }]],
    ['a hard link that is missing', [{ name: 'link', type: 'hardlink', link: 'nothing' }]],
    [
      'a file in a file',
      [
        { name: 'a', data: 'x' },
        { name: 'a/b', data: 'x' },
      ],
    ],
    ['a root that is no folder', [{ name: '.', data: 'x' }]],
  ] as [string, Spec[]][])('%s is refused', async (_, specs) => {
    using place = guarded();
    await expect(place.unpack(...specs)).rejects.toMatchObject({ code: 'broken-tar' });
    place.expectUntouched();
  });

  test('an absolute name stays inside', async () => {
    using place = guarded();
    await place.unpack({ name: `${place.outside}/secret`, data: 'changed' });
    place.expectUntouched();
    expect(readFileSync(`${place.root}${place.outside}/secret`, 'utf8')).toBe('changed');
  });

  test('links on the way, absolute, relative or in a row, lead nowhere else', async () => {
    for (const target of ['/', '/outside', '../outside', '../../../../../../outside', 'second']) {
      using place = guarded();
      const links: Spec[] = [
        { name: 'second', type: 'symlink', link: place.outside },
        { name: 'way', type: 'symlink', link: target === '/outside' ? place.outside : target },
      ];
      await place
        .unpack(...links, { name: 'way/secret', data: 'changed' })
        .catch((error) => expect(error).toMatchObject({ code: 'broken-tar' }));
      await place
        .unpack(...links, { name: 'way/new', type: 'directory' })
        .catch((error) => expect(error).toMatchObject({ code: 'broken-tar' }));
      place.expectUntouched();
    }
  });

  test('a link in place of a file is replaced, not followed', async () => {
    using place = guarded();
    await place.unpack(
      { name: 'x', type: 'symlink', link: `${place.outside}/secret` },
      { name: 'x', data: 'mine' },
    );
    place.expectUntouched();
    expect(lstatSync(`${place.root}/x`).isFile()).toBe(true);
    await place.unpack(
      { name: 'y', type: 'symlink', link: place.outside },
      { name: 'y', type: 'directory', mode: 0o700 },
      { name: 'y/z', data: '1' },
    );
    place.expectUntouched();
    expect(lstatSync(`${place.root}/y`).isDirectory()).toBe(true);
  });

  test('a hard link to a link to the outside links the link', async () => {
    using place = guarded();
    await place.unpack(
      { name: 'x', type: 'symlink', link: `${place.outside}/secret` },
      { name: 'hard', type: 'hardlink', link: 'x' },
      { name: 'hard2', type: 'hardlink', link: 'x' },
    );
    expect(readlinkSync(`${place.root}/hard`)).toBe(`${place.outside}/secret`);
    place.expectUntouched();
  });

  test('a folder swapped for a link between two of its members leads nowhere', async () => {
    using place = guarded();
    await place
      .unpack(
        { name: 'd/one', data: '1' },
        { name: 'd', type: 'symlink', link: place.outside },
        { name: 'd/secret', data: 'changed' },
      )
      .catch((error) => expect(error).toMatchObject({ code: 'broken-tar' }));
    place.expectUntouched();
  });

  test('whiteouts hide nothing outside', async () => {
    using place = guarded();
    symlinkSync(place.outside, `${place.root}/way`);
    await place.layer({ name: 'way/.wh.secret' }, { name: 'way/.wh..wh..opq' });
    place.expectUntouched();
    for (const name of ['.wh..', '.wh...', 'a/.wh.']) {
      await expect(place.layer({ name })).rejects.toMatchObject({ code: 'broken-tar' });
    }
    await expect(place.layer({ name: '../.wh.outside' })).rejects.toMatchObject({ code: 'broken-tar' });
    place.expectUntouched();
  });
});

describe('layers', () => {
  const lower = async (place: ReturnType<typeof guarded>) =>
    place.layer(
      { name: 'a', type: 'directory' },
      { name: 'a/old', data: '1' },
      { name: 'a/both', data: '1' },
      { name: 'a/sub', type: 'directory' },
      { name: 'a/sub/old', data: '1' },
      { name: 'b', data: '1' },
      { name: 'real', type: 'directory' },
      { name: 'real/kept', data: '1' },
      { name: 'alias', type: 'symlink', link: 'real' },
    );
  const names = (root: string) =>
    [...walkTree(root)].map(({ entry }) => entry.path).filter((path) => path !== '');

  test('whiteouts take files and whole folders', async () => {
    using place = guarded();
    await lower(place);
    await place.layer(
      { name: '.wh.b' },
      { name: 'a/.wh.sub' },
      { name: '.wh.absent' },
      { name: 'absent/.wh.too' },
    );
    expect(names(place.root)).toEqual(['a', 'a/both', 'a/old', 'alias', 'real', 'real/kept']);
  });

  test('an opaque folder hides what was there before, wherever its mark stands', async () => {
    for (const isFirst of [true, false]) {
      using place = guarded();
      await lower(place);
      const mark = { name: 'a/.wh..wh..opq' };
      const rest: Spec[] = [
        { name: 'a/both', data: '2' },
        { name: 'a/sub', type: 'directory' },
        { name: 'a/sub/new', data: '2' },
      ];
      await place.layer({ name: 'a', type: 'directory' }, ...(isFirst ? [mark, ...rest] : [...rest, mark]));
      expect(names(place.root)).toEqual([
        'a',
        'a/both',
        'a/sub',
        'a/sub/new',
        'alias',
        'b',
        'real',
        'real/kept',
      ]);
      expect(readFileSync(`${place.root}/a/both`, 'utf8')).toBe('2');
    }
  });

  test('an opaque root hides everything', async () => {
    using place = guarded();
    await lower(place);
    await place.layer({ name: '.wh..wh..opq' }, { name: 'only', data: '1' });
    expect(names(place.root)).toEqual(['only']);
  });

  test('a whiteout does not hide what its own layer brings', async () => {
    using place = guarded();
    await lower(place);
    await place.layer({ name: 'b', data: '2' }, { name: '.wh.b' });
    expect(readFileSync(`${place.root}/b`, 'utf8')).toBe('2');
  });

  test('one pass is enough, unless a whiteout comes after what it would take', async () => {
    const file = (name: string): Spec => ({ name, data: '2' });
    const isEnough = async (...specs: Spec[]) => {
      using place = guarded();
      await lower(place);
      return await place.layer(...specs);
    };
    expect(await isEnough(file('a/new'), { name: '.wh.b' }, { name: 'a/.wh.sub' }, file('b'))).toBe(true);
    expect(await isEnough({ name: 'a', type: 'directory' }, { name: 'a/.wh..wh..opq' }, file('a/x'))).toBe(
      true,
    );
    expect(await isEnough(file('b'), { name: '.wh.b' })).toBe(false);
    expect(await isEnough(file('a/sub/new'), { name: '.wh.a' })).toBe(false);
    expect(await isEnough(file('a/sub/new'), { name: 'a/.wh..wh..opq' })).toBe(false);
    expect(await isEnough(file('alias/new'), { name: 'a/.wh.old' })).toBe(false);
    expect(await isEnough({ name: 'c', type: 'hardlink', link: 'a/old' }, { name: '.wh.b' })).toBe(true);
  });

  test('layers in any order of members unpack the same in one pass and in two', async () => {
    let seed = 12345;
    const below = (count: number) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return Math.floor((seed / 2147483648) * count);
    };
    const paths = ['a', 'a/sub', 'a/sub/old', 'a/old', 'b', 'real', 'real/kept', 'alias', 'alias/kept', 'c'];
    const anyPath = () => paths[below(paths.length)] as string;
    const hidden = (path: string) => path.replace(/[^/]+$/, (name) => `.wh.${name}`);
    const anySpec = (): Spec => {
      const name = anyPath();
      const makers: (() => Spec)[] = [
        () => ({ name, data: String(below(9)) }),
        () => ({ name, type: 'directory', mtimeNs: BigInt(below(9)) * 1_000_000_000n }),
        () => ({ name, type: 'symlink', link: anyPath() }),
        () => ({ name: hidden(name) }),
        () => ({ name: hidden(name) }),
        () => ({ name: `${name}/.wh..wh..opq` }),
      ];
      return (makers[below(makers.length)] as () => Spec)();
    };
    let compared = 0;
    for (let round = 0; round < 40; round++) {
      // Where a link to a folder is replaced after something went through it, the folder's time is that of now.
      using place = guarded({ times: false });
      await lower(place);
      const specs = Array.from({ length: 2 + below(4) }, anySpec);
      // Some of these are no layers: a file in a file, say.
      const isEnough = await place.layer(...specs).catch((error: { code?: string }) => {
        if (error.code === undefined) throw error;
        return false;
      });
      if (isEnough) compared += 1;
    }
    expect(compared).toBeGreaterThan(10);
  });

  test('a link replaced by an opaque folder leaves what it led to alone', async () => {
    using place = guarded();
    await lower(place);
    await place.layer(
      { name: 'alias', type: 'directory' },
      { name: 'alias/.wh..wh..opq' },
      { name: 'alias/new', data: '1' },
    );
    expect(names(place.root)).toContain('real/kept');
    expect(names(`${place.root}/alias`)).toEqual(['new']);
  });

  test('hard links reach files of the layers below', async () => {
    using place = guarded();
    await lower(place);
    await place.layer({ name: 'real/linked', type: 'hardlink', link: 'a/old' });
    expect(statSync(`${place.root}/real/linked`).ino).toBe(statSync(`${place.root}/a/old`).ino);
  });

  test('folders get their times last, and those only passed through keep theirs', async () => {
    using place = guarded();
    await lower(place);
    const ns = (name: string) => lstatSync(`${place.root}/${name}`, { bigint: true }).mtimeNs;
    const before = ns('real');
    await place.layer(
      { name: 'a', type: 'directory', mtimeNs: 123456789012345678n },
      { name: 'a/new', data: 'x' },
      { name: 'real/new', data: 'x' },
      { name: 'made/new', data: 'x' },
    );
    expect([ns('a'), ns('real'), ns('made')]).toEqual([123456789012345678n, before, 0n]);
  });

  test('a folder loses attributes that the layer does not give it', async () => {
    using place = guarded();
    await place.layer({
      name: 'd',
      type: 'directory',
      xattrs: new Map([
        ['user.a', Buffer.from('1')],
        ['user.b', Buffer.from('2')],
      ]),
    });
    await place.layer({ name: 'd', type: 'directory', xattrs: new Map([['user.b', Buffer.from('3')]]) });
    expect(
      execFileSync('getfattr', ['-d', '--absolute-names', `${place.root}/d`], { encoding: 'utf8' }),
    ).toMatch(/^# file: .*\nuser.b="3"\n\n$/);
  });

  test('attributes of the overlay driver do not get in', async () => {
    using place = guarded();
    await place.layer({
      name: 'd',
      type: 'directory',
      xattrs: new Map([['trusted.overlay.opaque', Buffer.from('y')]]),
    });
    expect(execFileSync('getfattr', ['-m', '-', '-d', `${place.root}/d`], { encoding: 'utf8' })).toBe('');
    expect(existsSync(`${place.root}/d`)).toBe(true);
  });
});
