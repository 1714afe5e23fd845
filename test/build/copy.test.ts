/** A copy that starts from its last result gives, bit for bit, what a fresh copy gives. */
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { build, buildOk, cambiumOk } from '../support/cli.ts';
import { scratch, scratchOn } from '../support/scratch.ts';
import { listTree } from '../support/tree.ts';

const places = { overlay: scratch(), btrfs: scratchOn('btrfs', '1G') };
const here = scratch();
afterAll(() => {
  for (const place of [...Object.values(places), here]) place[Symbol.dispose]();
});

/** A small generator with a seed, so that a failure can be run again. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}

function project(name: string): { dir: string; src: string; file: string } {
  const dir = here.path(name);
  const src = join(dir, 'src');
  mkdirSync(src, { recursive: true });
  const file = join(dir, 'cambium.ts');
  writeFileSync(
    file,
    `import { copy, image } from 'cambium';
export default image({ stages: [copy('base', '/'), copy('src', '/app')] });
`,
  );
  mkdirSync(join(dir, 'base/app/d1'), { recursive: true });
  for (const path of ['base/etc', 'base/app/d1/of-parent', 'base/app/of-parent'])
    writeFileSync(join(dir, path), path);
  for (let index = 0; index < 300; index++) {
    mkdirSync(join(src, `d${index % 10}`), { recursive: true });
    writeFileSync(join(src, `d${index % 10}/f${index}`), `file ${index} of ${name}`);
  }
  return { dir, src, file };
}

describe.each(['overlay', 'btrfs'] as const)('on %s', (driver) => {
  const at = { store: places[driver].path('store') };

  test('after random edits', { timeout: 300_000 }, () => {
    const { src, file } = project(`random-${driver}`);
    const random = generator(driver === 'overlay' ? 7 : 11);
    const pick = () => join(src, `d${random(10)}/f${random(300)}`);
    const edits: ((path: string) => void)[] = [
      (path) => writeFileSync(path, `edited ${random(1e6)}`),
      (path) => rmSync(path, { recursive: true, force: true }),
      (path) => existsSync(path) && chmodSync(path, random(2) ? 0o755 : 0o600),
      (path) => {
        // Older than before. A time alone is no change: times are not in keys.
        writeFileSync(path, `older ${random(1e6)}`);
        utimesSync(path, 1_000_000 + random(1e6), 1_000_000 + random(1e6));
      },
      (path) => {
        rmSync(path, { recursive: true, force: true });
        symlinkSync('elsewhere', path);
      },
      (path) => {
        rmSync(path, { recursive: true, force: true });
        mkdirSync(path);
        writeFileSync(join(path, 'inner'), String(random(1e6)));
      },
      (path) => existsSync(path) && renameSync(path, `${path}-moved${random(1e6)}`),
      () => writeFileSync(join(src, `new${random(20)}`), 'top'),
      () => rmSync(join(src, `new${random(20)}`), { force: true }),
      // One that the parent has too.
      () => writeFileSync(join(src, 'of-parent'), String(random(1e6))),
      () => rmSync(join(src, 'of-parent'), { force: true }),
    ];
    buildOk([file], at);
    for (let round = 0; round < 12; round++) {
      for (let edit = 0; edit <= random(5); edit++) {
        const path = pick();
        if (
          existsSync(join(path, '..')) &&
          !(existsSync(path) && statSync(path).isDirectory() && random(2))
        ) {
          (edits[random(edits.length)] as (path: string) => void)(path);
        }
      }
      buildOk([file, '-t', 'warm'], at);
      const fresh = { store: places[driver].path(`fresh${round}`) };
      buildOk([file, '-t', 'cold'], fresh);
      const trees = [
        ['warm', at],
        ['cold', fresh],
      ].map(([tag, where], index) => {
        const dest = here.path(`${driver}-${round}-${index}`);
        cambiumOk(
          ['image', 'export', tag as string, '-o', `type=local,dest=${dest}`],
          where as { store: string },
        );
        const list = listTree(dest);
        rmSync(dest, { recursive: true });
        return list;
      });
      expect(trees[0]).toEqual(trees[1]);
      expect(trees[0]?.length).toBeGreaterThan(200);
    }
  });

  test('folders that are gone, with what was in them, and one that is a file now', () => {
    const { dir, src, file } = project(`folders-${driver}`);
    for (const name of ['gone', 'gone/deep', 'gone/deep/er', 'turned']) {
      mkdirSync(join(src, name));
      writeFileSync(join(src, name, 'in'), name);
    }
    buildOk([file], at);
    rmSync(join(src, 'gone/deep'), { recursive: true });
    buildOk([file], at);
    for (const name of ['gone', 'turned']) rmSync(join(src, name), { recursive: true });
    writeFileSync(join(src, 'turned'), 'a file');
    buildOk([file, '-t', 'left'], at);
    const dest = join(dir, 'out');
    cambiumOk(['image', 'export', 'left', '-o', `type=local,dest=${dest}`], at);
    expect(existsSync(join(dest, 'app/gone'))).toBe(false);
    expect(readFileSync(join(dest, 'app/turned'), 'utf8')).toBe('a file');
    expect(readdirSync(join(dest, 'app')).sort()).toEqual([...readdirSync(src), 'of-parent'].sort());
  });

  test('one changed file adds only that file to the disk', () => {
    const { src, file } = project(`one-${driver}`);
    buildOk([file, '-t', 'one'], at);
    writeFileSync(join(src, 'd3/f3'), 'changed');
    buildOk([file, '-t', 'one'], at);
    if (driver === 'btrfs') return;
    const newest = readdirSync(join(at.store, 'snapshots'))
      .map((name) => join(at.store, 'snapshots', name))
      .sort((a, b) => statSync(b).ctimeMs - statSync(a).ctimeMs)[0] as string;
    const files = listTree(newest).filter((line) => line.includes(' file '));
    expect(files).toHaveLength(1);
    expect(files[0]).toContain('app/d3/f3');
  });

  test('hard links, strange names and modes are copied as they are', () => {
    const { src, file } = project(`links-${driver}`);
    linkSync(join(src, 'd0/f0'), join(src, 'd1/hard'));
    writeFileSync(Buffer.concat([Buffer.from(join(src, 'bytes-')), Buffer.from([0xff, 0xfe])]), 'x');
    chmodSync(join(src, 'd2/f2'), 0o4755);
    buildOk([file, '-t', 'links'], at);
    const dest = here.path(`links-out-${driver}`);
    cambiumOk(['image', 'export', 'links', '-o', `type=local,dest=${dest}`], at);
    expect(statSync(join(dest, 'app/d0/f0')).ino).toBe(statSync(join(dest, 'app/d1/hard')).ino);
    expect(statSync(join(dest, 'app/d2/f2')).mode & 0o7777).toBe(0o4755);
    expect(listTree(join(dest, 'app')).map((line) => line.replace(/ \d+$/, ''))).toEqual(
      [...listTree(src), ...listTree(join(dest, '../one-out'.replace('one-out', `links-${driver}/base/app`)))]
        .map((line) => line.replace(/ \d+$/, ''))
        .filter(
          (line, index, all) =>
            all.findIndex((other) => other.split(' ')[0] === line.split(' ')[0]) === index,
        )
        .sort((a, b) =>
          (a.split(' ')[0] as string).replaceAll('/', '\0') <
          (b.split(' ')[0] as string).replaceAll('/', '\0')
            ? -1
            : 1,
        ),
    );
  });

  test('of two names of a file the first one in order is the file, whatever its folder is called', () => {
    const { dir, src, file } = project(`renamed-${driver}`);
    writeFileSync(join(src, 'd4/linked'), 'linked');
    linkSync(join(src, 'd4/linked'), join(src, 'd6/linked'));
    const warm = { store: places[driver].path('renamed') };
    buildOk([file, '-t', 'renamed'], warm);
    // Nothing that the files themselves say changes by this.
    renameSync(join(src, 'd4'), join(src, 'd9-was-4'));
    buildOk([file, '-t', 'renamed'], warm);
    const fresh = { store: places[driver].path('fresh-renamed') };
    buildOk([file, '-t', 'renamed'], fresh);
    const trees = [warm, fresh].map((where, index) => {
      const dest = join(dir, `out${index}`);
      cambiumOk(['image', 'export', 'renamed', '-o', `type=local,dest=${dest}`], where);
      const inodes = ['d6/linked', 'd9-was-4/linked'].map((path) => statSync(join(dest, 'app', path)).ino);
      expect(inodes[0]).toBe(inodes[1]);
      return listTree(dest);
    });
    expect(trees[0]).toEqual(trees[1]);
  });

  test('a symlink in the image leads nowhere outside of it', () => {
    const dir = here.path(`escape-${driver}`);
    const victim = here.path(`victim-${driver}`);
    for (const path of [join(dir, 'base'), join(dir, 'src'), victim]) mkdirSync(path, { recursive: true });
    symlinkSync(victim, join(dir, 'base/app'));
    writeFileSync(join(dir, 'src/file'), 'x');
    const file = join(dir, 'cambium.ts');
    writeFileSync(
      file,
      "import { copy, image } from 'cambium';\nexport default image({ stages: [copy('base', '/'), copy('src', '/app')] });\n",
    );
    build([file, '-t', 'escape'], at);
    expect(readdirSync(victim)).toEqual([]);
    writeFileSync(
      file,
      "import { copy, image } from 'cambium';\nexport default image({ stages: [copy('base', '/'), copy('src', '/app/below')] });\n",
    );
    build([file, '-t', 'escape'], at);
    expect(readdirSync(victim)).toEqual([]);
    // A source that leaves its folder is refused, too.
    symlinkSync('/etc', join(dir, 'out'));
    writeFileSync(
      file,
      "import { copy, image } from 'cambium';\nexport default image({ stages: [copy('out/passwd', '/p')] });\n",
    );
    const refused = build([file], at);
    expect(refused.code).toBe(2);
    expect(readFileSync('/etc/passwd', 'utf8')).not.toBe('');
  });
});
