/** The tar codec: what is written is read back, GNU tar understands ours and we its own, and damage is told. */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeName } from '../../src/kit/names.ts';
import { decompress } from '../../src/kit/tar/decompress.ts';
import { type MemberHeader, paddingOf } from '../../src/kit/tar/format.ts';
import { fileInput, streamInput } from '../../src/kit/tar/input.ts';
import { treeMembers } from '../../src/kit/tar/members.ts';
import { packTar } from '../../src/kit/tar/pack.ts';
import { encodePax } from '../../src/kit/tar/pax.ts';
import { readTar, type TarMember } from '../../src/kit/tar/read.ts';
import { unpackTar } from '../../src/kit/tar/unpack.ts';
import { encodeHeader, endOfArchive } from '../../src/kit/tar/write.ts';
import { oneOfEverything, shell } from '../support/plain-snapshots.ts';
import { scratch } from '../support/scratch.ts';
import { listTree } from '../support/tree.ts';

async function* inPieces(data: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

async function readAll(data: Buffer, piece = 1000): Promise<(MemberHeader & { data: string })[]> {
  const members: (MemberHeader & { data: string })[] = [];
  for await (const member of readTar(streamInput(inPieces(data, piece)))) {
    const chunks: Buffer[] = [];
    // Both ways to the content, and the second one after the first.
    const now = members.length % 2 === 0 ? member.contentNow() : undefined;
    if (now !== undefined) chunks.push(Buffer.from(now));
    for await (const chunk of member.content()) chunks.push(Buffer.from(chunk));
    const { content: _, contentNow: _now, storedBytes: __, extents: ___, range: ____, ...header } = member;
    members.push({ ...header, data: Buffer.concat(chunks).toString('hex') });
  }
  return members;
}

async function packFolder(folder: string, to: string): Promise<void> {
  const fd = openSync(to, 'w+');
  try {
    await packTar(treeMembers(folder), { output: fd, hash: false });
  } finally {
    closeSync(fd);
  }
}

async function unpackFile(path: string, to: string): Promise<void> {
  const fd = openSync(path, 'r');
  try {
    await unpackTar(fileInput(fd), to);
  } finally {
    closeSync(fd);
  }
}

const nameBytes = fc
  .uint8Array({ minLength: 1, maxLength: 260 })
  .map((bytes) => bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x61 : byte)));
const nameArb = nameBytes.map((bytes) => decodeName(bytes)).filter((name) => name !== '.' && name !== '..');
const pathArb = fc.array(nameArb, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const memberArb = fc
  .record({
    name: pathArb,
    type: fc.constantFrom('file', 'directory', 'symlink', 'hardlink', 'char', 'block', 'fifo'),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
    gid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
    mtimeNs: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 63n }),
    target: pathArb,
    device: fc.record({
      major: fc.integer({ min: 0, max: 4095 }),
      minor: fc.integer({ min: 0, max: 1048575 }),
    }),
    xattrs: fc.array(
      fc.tuple(fc.stringMatching(/^user\.[a-z=% ]{1,40}$/), fc.uint8Array({ minLength: 1, maxLength: 300 })),
      { maxLength: 3 },
    ),
    data: fc.uint8Array({ maxLength: 1500 }),
  })
  .map(({ target, device, xattrs, data, type, ...rest }) => {
    const header: MemberHeader = {
      ...rest,
      type: type as MemberHeader['type'],
      size: type === 'file' ? data.length : 0,
    };
    if (type === 'symlink' || type === 'hardlink') header.link = target;
    if (type === 'char' || type === 'block') header.device = device;
    if (xattrs.length > 0) header.xattrs = new Map(xattrs.map(([name, value]) => [name, Buffer.from(value)]));
    return { header, data: type === 'file' ? Buffer.from(data) : Buffer.alloc(0) };
  });

describe('codec', () => {
  test('whatever is written is read back the same, in pieces of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(memberArb, { maxLength: 5 }),
        fc.integer({ min: 1, max: 3000 }),
        fc.boolean(),
        async (members, piece, isAligned) => {
          let position = 0;
          const parts: Buffer[] = [];
          for (const { header, data } of members) {
            const head = encodeHeader(header, isAligned ? { position, to: 4096 } : undefined);
            if (isAligned) expect((position + head.length) % 4096).toBe(0);
            parts.push(head, data, Buffer.alloc(paddingOf(data.length)));
            position = parts.reduce((sum, part) => sum + part.length, 0);
          }
          const back = await readAll(Buffer.concat([...parts, endOfArchive]), piece);
          expect(back).toEqual(
            members.map(({ header, data }) => ({
              ...header,
              ...(header.xattrs
                ? { xattrs: new Map([...header.xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) }
                : {}),
              data: data.toString('hex'),
            })),
          );
        },
      ),
      { numRuns: 150 },
    );
  });

  test('sizes over 8 GiB and far owners stand in the header', async () => {
    const header = encodeHeader({
      name: 'big',
      type: 'file',
      mode: 0o600,
      uid: 2 ** 31,
      gid: 2 ** 22,
      size: 9 * 2 ** 30,
      mtimeNs: 1n,
    });
    const [member] = await firstMember(header);
    expect(member).toMatchObject({ name: 'big', size: 9 * 2 ** 30, uid: 2 ** 31, gid: 2 ** 22, mtimeNs: 1n });
    // The content is missing, of which tar complains; the listing counts.
    const listing = spawnSync('tar', ['-tvf', '-', '--numeric-owner'], {
      input: header,
      encoding: 'utf8',
    }).stdout;
    expect(listing).toContain('2147483648/4194304 9663676416');
  });
});

async function firstMember(data: Buffer): Promise<TarMember[]> {
  for await (const member of readTar(streamInput(inPieces(data, 512)))) return [member];
  return [];
}

describe('beside GNU tar', () => {
  test('a tree with one of everything goes out and comes in unchanged', async () => {
    using place = scratch();
    for (const name of ['tree', 'ours', 'gnu']) mkdirSync(place.path(name));
    shell(oneOfEverything, place.path('tree'));
    const expected = listTree(place.path('tree'));
    await packFolder(place.path('tree'), place.path('tree.tar'));

    await unpackFile(place.path('tree.tar'), place.path('ours'));
    expect(listTree(place.path('ours'))).toEqual(expected);

    execFileSync(
      'tar',
      [
        '-xpf',
        place.path('tree.tar'),
        '-C',
        place.path('gnu'),
        '--xattrs',
        '--xattrs-include=*',
        '--numeric-owner',
      ],
      { stdio: 'pipe' },
    );
    expect(listTree(place.path('gnu'))).toEqual(expected);
  });

  test.each([
    ['gnu', ['--format=gnu', '--sparse']],
    ['pax', ['--format=posix', '--xattrs', '--xattrs-include=*']],
    ['pax, sparse 0.0', ['--format=posix', '--sparse', '--sparse-version=0.0']],
    ['pax, sparse 0.1', ['--format=posix', '--sparse', '--sparse-version=0.1']],
    ['pax, sparse 1.0', ['--format=posix', '--sparse', '--sparse-version=1.0']],
    ['pax, global header', ['--format=posix', '--pax-option=globexthdr.name=/g,mtime=1']],
    [
      'v7',
      [
        '--format=v7',
        '--exclude=./null',
        '--exclude=./disk',
        '--exclude=./pipe',
        '--exclude=ddd*',
        '--exclude=*dangling',
        '--exclude=./etc/deep',
        '--exclude=before-epoch',
      ],
    ],
  ])('archives in the format %s are read', async (_, flags) => {
    using place = scratch();
    for (const name of ['tree', 'ours', 'gnu']) mkdirSync(place.path(name));
    shell(
      `${oneOfEverything}\ntruncate -s 5M holes; for i in $(seq 1 2 60); do printf $i | dd of=holes bs=1 seek=$((i*80000)) conv=notrunc status=none; done`,
      place.path('tree'),
    );
    execFileSync('tar', ['-cf', place.path('a.tar'), ...flags, '-C', place.path('tree'), '.'], {
      stdio: 'pipe',
    });
    execFileSync(
      'tar',
      [
        '-xpf',
        place.path('a.tar'),
        '-C',
        place.path('gnu'),
        '--xattrs',
        '--xattrs-include=*',
        '--numeric-owner',
      ],
      { stdio: 'pipe' },
    );
    await unpackFile(place.path('a.tar'), place.path('ours'));
    expect(listTree(place.path('ours'))).toEqual(listTree(place.path('gnu')));
    if (flags.includes('--sparse')) {
      expect(statSync(place.path('ours/holes')).blocks * 512).toBeLessThan(1_000_000);
      expect(statSync(place.path('ours/sparse')).blocks * 512).toBeLessThan(200_000);
    }
  });

  test('long runs of holes are packed without being read, and stay holes', async () => {
    using place = scratch();
    mkdirSync(place.path('tree'));
    shell('truncate -s 5G huge; printf end >> huge', place.path('tree'));
    await packFolder(place.path('tree'), place.path('a.tar'));
    const stats = statSync(place.path('a.tar'));
    expect(stats.size).toBeGreaterThan(5 * 2 ** 30);
    expect(stats.blocks * 512).toBeLessThan(10_000_000);
    expect(execFileSync('tar', ['-tvf', place.path('a.tar')], { encoding: 'utf8' })).toContain('5368709123');
  }, 300_000);
});

describe('damage', () => {
  const sound = Buffer.concat([
    encodeHeader({
      name: 'a'.repeat(150),
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: 700,
      mtimeNs: 5n,
    }),
    Buffer.alloc(700, 1),
    Buffer.alloc(paddingOf(700)),
    endOfArchive,
  ]);

  test('a tar cut off anywhere is refused', async () => {
    for (let length = 0; length <= sound.length - 1024; length += 100) {
      await expect(readAll(sound.subarray(0, length)), `cut at ${length}`).rejects.toMatchObject({
        code: 'broken-tar',
      });
    }
    await expect(readAll(sound)).resolves.toHaveLength(1);
  });

  test('a changed header is refused', async () => {
    for (const at of [0, 5, 520, 1030, 1124]) {
      const bad = Buffer.from(sound);
      bad[at] = (bad[at] as number) ^ 1;
      await expect(readAll(bad), `byte ${at}`).rejects.toMatchObject({ code: 'broken-tar' });
    }
  });

  test('noise and text are refused', async () => {
    await expect(readAll(Buffer.from('hello world'.repeat(100)))).rejects.toMatchObject({
      code: 'broken-tar',
    });
    await expect(readAll(Buffer.alloc(0))).rejects.toMatchObject({ code: 'broken-tar' });
  });
});

describe('headers made to take memory or time', () => {
  const extension = (flag: string, data: Buffer) => {
    const header = encodeHeader({
      ...{ name: 'x', type: 'file', mode: 0, uid: 0, gid: 0, size: data.length, mtimeNs: 0n },
    });
    header.write(flag, 156, 'latin1');
    return Buffer.concat([withChecksum(header), data, Buffer.alloc(paddingOf(data.length))]);
  };
  const withChecksum = (header: Buffer) => {
    header.fill(' ', 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return header;
  };
  /** The same piece again and again, without an end. */
  async function* forever(first: Buffer, piece: Buffer): AsyncGenerator<Buffer> {
    yield first;
    for (;;) yield piece;
  }
  const read = async (chunks: AsyncIterable<Buffer>) => {
    for await (const _ of readTar(streamInput(chunks)));
  };
  const pax = (...records: [string, string][]) =>
    encodePax(records.map(([key, value]) => [key, Buffer.from(value)]));
  const none = Buffer.alloc(0);
  const oldSparse = () => {
    const header = extension('S', none);
    header[482] = 1;
    return withChecksum(header);
  };
  const moreSlots = Buffer.alloc(512);
  for (let slot = 0; slot < 21; slot++) moreSlots.write('00000000001', slot * 24, 'latin1');
  moreSlots[504] = 1;
  const newSparse = extension(
    'x',
    pax(['GNU.sparse.major', '1'], ['GNU.sparse.minor', '0'], ['GNU.sparse.realsize', '1000']),
  );
  const empty = Buffer.alloc(1_048_576, '0\n');

  test.each<[string, RegExp, AsyncIterable<Buffer>]>([
    ['extended headers without end', /headers are too big/, forever(none, extension('x', pax(['a', '1'])))],
    ['long names without end', /headers are too big/, forever(none, extension('L', Buffer.from('name')))],
    [
      'global headers without end',
      /headers are too big/,
      forever(none, extension('g', pax(['comment', '1']))),
    ],
    [
      'one global header of a megabyte',
      /headers are too big/,
      forever(none, extension('g', Buffer.alloc(1_000_000, pax(['ab', '1'])))),
    ],
    ['an old sparse map without end', /more than 1000000 pieces/, forever(oldSparse(), moreSlots)],
    [
      'a sparse map of very many pieces',
      /more than 1000000 pieces/,
      forever(Buffer.concat([newSparse, extension('0', none), Buffer.from('99999999\n')]), empty),
    ],
    [
      'a sparse map without line ends',
      /a line that is no number/,
      forever(Buffer.concat([newSparse, extension('0', none)]), Buffer.alloc(512, '1')),
    ],
  ])('%s: refused', async (_, message, chunks) => {
    await expect(read(chunks)).rejects.toMatchObject({
      code: 'broken-tar',
      message: expect.stringMatching(message),
    });
  });

  test('a zstd frame that wants two GiB of memory is refused', async () => {
    // RFC 8878: the magic number, no content size, a window of 2 GiB, one raw block that is the last.
    const frame = Buffer.from([
      0x28,
      0xb5,
      0x2f,
      0xfd,
      0,
      (31 - 10) << 3,
      (3 << 3) | 1,
      0,
      0,
      0x61,
      0x62,
      0x63,
    ]);
    const read = async (data: Buffer) => {
      for await (const _ of decompress(inPieces(data, 777)));
    };
    await expect(read(frame)).rejects.toMatchObject({ code: 'broken-tar' });
    // With a window of 1 KiB it would be right.
    frame[5] = 0;
    await read(frame);
  });
});

describe('compression', () => {
  const collect = async (data: Buffer, limitBytes?: number) => {
    const chunks: Buffer[] = [];
    for await (const chunk of decompress(inPieces(data, 777), limitBytes === undefined ? {} : { limitBytes }))
      chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks).toString();
  };
  const zstd = (text: string) => execFileSync('zstd', ['-qc'], { input: text });
  const text = 'many words '.repeat(5000);

  test('gzip of several members, zstd and plain data', async () => {
    expect(await collect(Buffer.concat([gzipSync('one '), gzipSync('two')]))).toBe('one two');
    expect(await collect(zstd(text))).toBe(text);
    expect(await collect(Buffer.concat([zstd('one '), zstd('two')]))).toBe('one two');
    expect(await collect(Buffer.from(text))).toBe(text);
    expect(await collect(Buffer.from('x'))).toBe('x');
    expect(await collect(Buffer.alloc(0))).toBe('');
  });

  test('damaged and cut off data is refused', async () => {
    const packed = gzipSync(text);
    await expect(collect(packed.subarray(0, packed.length - 20))).rejects.toMatchObject({
      code: 'broken-tar',
    });
    for (const cut of [3, 9])
      await expect(collect(zstd(text).subarray(0, -cut))).rejects.toMatchObject({ code: 'broken-tar' });
    const flipped = Buffer.from(packed);
    flipped[30] = (flipped[30] as number) ^ 0xff;
    await expect(collect(flipped)).rejects.toMatchObject({ code: 'broken-tar' });
  });

  test('what unfolds beyond the limit is refused', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    await expect(collect(bomb, 1_000_000)).rejects.toMatchObject({ code: 'too-big' });
  });
});

test('packing gives the same bytes each time, and its hash is theirs', async () => {
  using place = scratch();
  mkdirSync(place.path('tree'));
  shell(oneOfEverything, place.path('tree'));
  await packFolder(place.path('tree'), place.path('a.tar'));
  await packFolder(place.path('tree'), place.path('b.tar'));
  const bytes = readFileSync(place.path('a.tar'));
  expect(bytes.equals(readFileSync(place.path('b.tar')))).toBe(true);
  const { digest, size } = await packTar(treeMembers(place.path('tree')), { hash: true });
  expect(size).toBe(bytes.length);
  writeFileSync(place.path('sum'), `${digest?.slice(7)}  ${place.path('a.tar')}\n`);
  execFileSync('sha256sum', ['-c', '--quiet', place.path('sum')]);
});

test('names whose characters lie beyond 16 bits are not taken for bytes that are no UTF-8', async () => {
  const name = '💀/𝐀 and 😀';
  const header = encodeHeader({
    name,
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 0,
    mtimeNs: 0n,
  });
  expect(header.includes('hdrcharset')).toBe(false);
  expect((await readAll(Buffer.concat([header, endOfArchive])))[0]?.name).toBe(name);
});
