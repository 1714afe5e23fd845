/** What volumes hold: made from elsewhere, cloned, kept, brought back, imported and exported, on every kind of file system. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { fsPath } from '../../src/kit/names.ts';
import { makeNode, setXattr } from '../../src/kit/system.ts';
import { beginRun } from '../../src/store/runs.ts';
import { openStore } from '../../src/store/store.ts';
import { useVolume } from '../../src/volumes/index.ts';
import { importBusybox } from '../support/busybox.ts';
import { type CliOptions, cambium, cambiumOk, program, startCambium } from '../support/cli.ts';
import { type Scratch, scratch, scratchOn } from '../support/scratch.ts';
import { listTree } from '../support/tree.ts';

const places: Record<string, Scratch> = {
  ext4: scratch(),
  btrfs: scratchOn('btrfs', '1G'),
  xfs: scratchOn('xfs', '1G'),
};
afterAll(() => {
  for (const place of Object.values(places)) place[Symbol.dispose]();
});

/** One of everything. */
function writeTree(dir: string): void {
  mkdirSync(join(dir, 'sub/empty'), { recursive: true });
  writeFileSync(join(dir, 'sub/file'), 'content\n');
  writeFileSync(join(dir, 'big'), Buffer.alloc(300_000, 7));
  linkSync(join(dir, 'big'), join(dir, 'sub/hard'));
  symlinkSync('/etc/passwd', join(dir, 'away'));
  symlinkSync('sub', join(dir, 'near'));
  writeFileSync(fsPath(join(dir, 'caf\udce9')), 'latin');
  writeFileSync(join(dir, 'setuid'), 'x');
  chownSync(join(dir, 'setuid'), 12, 34);
  chmodSync(join(dir, 'setuid'), 0o4755);
  setXattr(join(dir, 'setuid'), 'user.note', Buffer.from('v'));
  makeNode(join(dir, 'device'), 'char', 0o600, { major: 1, minor: 3 });
  makeNode(join(dir, 'fifo'), 'fifo', 0o600);
  execFileSync('truncate', ['-s', '10M', join(dir, 'sparse')]);
  chmodSync(dir, 0o750);
}

describe.each(Object.keys(places))('on %s', (kind) => {
  const place = places[kind] as Scratch;
  const options: CliOptions = { store: place.path('store'), cwd: place.dir };
  const volume = (...args: string[]) => cambium(['volume', ...args], options);
  const volumeOk = (...args: string[]) => cambiumOk(['volume', ...args], options).stdout;
  const data = (name: string, ...path: string[]) => place.path('store/volumes', name, 'fs', ...path);
  const tree = place.path('tree');
  mkdirSync(tree);
  writeTree(tree);
  const original = listTree(tree);

  test('from a folder, from tars and from a volume: all of it is there', () => {
    volumeOk('create', 'src', '--from', './tree');
    expect(listTree(data('src'))).toEqual(original);
    expect(statSync(data('src')).mode & 0o777).toBe(0o750);
    expect(statSync(data('src', 'sparse')).blocks).toBe(0);
    volumeOk('export', 'src', '-o', 'src.tar');
    const tar = readFileSync(place.path('src.tar'));
    for (const [program, name] of [
      ['gzip', 'gz'],
      ['zstd', 'zst'],
    ] as const) {
      writeFileSync(
        place.path(`src.${name}`),
        execFileSync(program, ['-c'], { input: tar, maxBuffer: 1 << 28 }),
      );
      volumeOk('create', `from-${name}`, '--from', `src.${name}`);
      expect(listTree(data(`from-${name}`))).toEqual(original);
    }
    execFileSync(
      'sh',
      [
        '-c',
        `exec "$0" "$1" volume create piped --from - --store "$2" < src.tar`,
        process.execPath,
        program,
        options.store,
      ],
      { cwd: place.dir },
    );
    expect(listTree(data('piped'))).toEqual(original);
    volumeOk('create', 'part', '--from', 'src:/sub');
    expect(readdirSync(data('part'))).toEqual(['empty', 'file', 'hard']);
    expect(volumeOk('ls', '--format', '{{.Name}}: {{.Origin}}')).toContain('part: volume src:/sub\n');
  });

  test('clones and snapshots are apart from what they were made of', () => {
    volumeOk('clone', 'src', 'copy');
    expect(volumeOk('snapshot', 'src', 'before')).toBe('before\n');
    writeFileSync(data('copy', 'sub/file'), 'changed\n');
    writeFileSync(data('src', 'sub/file'), 'changed too\n');
    rmSync(data('src', 'big'));
    volumeOk('snapshot', 'src', 'after');
    volumeOk('clone', 'src@before', 'old');
    expect(listTree(data('old'))).toEqual(original);
    volumeOk('restore', 'src', 'before');
    expect(listTree(data('src'))).toEqual(original);
    expect(readFileSync(data('copy', 'sub/file'), 'utf8')).toBe('changed\n');
    volumeOk('restore', 'src', 'after');
    expect(readFileSync(data('src', 'sub/file'), 'utf8')).toBe('changed too\n');
    expect(existsSync(data('src', 'big'))).toBe(false);
    volumeOk('restore', 'src', 'before');
    expect(volumeOk('inspect', '-f', '{{json .snapshots}}', 'src')).toMatch(/"before".*"after"/);
    volumeOk('rm', 'src@after', 'copy', 'old');
    expect(volume('restore', 'src', 'after').stderr).toContain('has no snapshot `after`');
    expect(readdirSync(place.path('store/run'))).toEqual([]);
  });

  test('an import adds, replaces, and is all or nothing', () => {
    mkdirSync(place.path('more/sub'), { recursive: true });
    writeFileSync(place.path('more/sub/file'), 'newer\n');
    writeFileSync(place.path('more/added'), 'x'.repeat(200_000));
    execFileSync('tar', ['-C', place.path('more'), '-czf', place.path('more.tgz'), '.']);
    volumeOk('clone', 'src', 'into');
    writeFileSync(place.path('cut.tgz'), readFileSync(place.path('more.tgz')).subarray(0, 250));
    const cut = volume('import', 'into', 'cut.tgz');
    expect([cut.code, cut.stderr]).toEqual([3, expect.stringContaining('cut.tgz')]);
    expect(listTree(data('into'))).toEqual(original);
    volumeOk('import', 'into', 'more.tgz');
    expect(readFileSync(data('into', 'sub/file'), 'utf8')).toBe('newer\n');
    expect(existsSync(data('into', 'added'))).toBe(true);
    expect(existsSync(data('into', 'setuid'))).toBe(true);
    expect(volume('import', 'fresh', 'cut.tgz').code).toBe(3);
    expect(volumeOk('ls', '-q').split('\n')).not.toContain('fresh');
    volumeOk('import', 'fresh', 'more.tgz');
    expect(readdirSync(data('fresh'))).toEqual(['added', 'sub']);
  });

  test('an export gives content without rights, or all with --archive; no link leads out', () => {
    const plain = volume('export', 'src', 'out/');
    expect(plain.stderr).toContain('1 file without set-id bits or capabilities, 1 device left out');
    const setuid = statSync(place.path('out/setuid'));
    expect([setuid.mode & 0o7777, setuid.uid]).toEqual([0o755, 0]);
    expect(existsSync(place.path('out/device'))).toBe(false);
    volumeOk('export', '--archive', 'src', 'exact');
    expect(listTree(place.path('exact'))).toEqual(original);
    writeFileSync(place.path('out/mine'), 'stays');
    writeFileSync(place.path('out/sub/file'), 'is replaced');
    volumeOk('export', 'src:/near', 'out/sub');
    expect(readFileSync(place.path('out/sub/file'), 'utf8')).toBe('content\n');
    volumeOk('export', 'src', 'out');
    expect(readFileSync(place.path('out/mine'), 'utf8')).toBe('stays');
    const away = volume('export', 'src:/away', 'stolen');
    expect([away.code, away.stderr]).toEqual([
      2,
      expect.stringContaining('There is no /away in the volume src'),
    ]);
    expect(existsSync(place.path('stolen'))).toBe(false);
    volumeOk('export', 'src:/sub/../../../sub/file', 'one');
    expect(readFileSync(place.path('one'), 'utf8')).toBe('content\n');
    volumeOk('export', 'src:/sub/file', 'out/');
    expect(readFileSync(place.path('out/file'), 'utf8')).toBe('content\n');
    volumeOk('export', 'src:/sub/file', '-o', 'one.tar');
    expect(execFileSync('tar', ['-tf', place.path('one.tar')], { encoding: 'utf8' })).toBe('file\n');
    expect(volume('export', 'src', 'one').stderr).toContain('is a file, and src is a folder');
    expect(volume('export', 'src', 'no/such/dest').stderr).toContain('There is no folder');
  });

  test('while somebody writes, only a file system with snapshots makes a copy; nothing replaces the data', async () => {
    const store = openStore(options.store);
    try {
      using run = beginRun(store);
      using _ = await useVolume(store, run, 'src');
      const who = `in use by cambium (process ${process.pid})`;
      for (const args of [
        ['restore', 'src', 'before'],
        ['import', 'src', 'more.tgz'],
        ['rm', 'src'],
      ])
        expect([args, volume(...args).stderr]).toEqual([args, expect.stringContaining(who)]);
      const copies = [volume('clone', 'src', 'live'), volume('snapshot', 'src', 'live')];
      expect(copies.map(({ code }) => code)).toEqual(kind === 'btrfs' ? [0, 0] : [2, 2]);
      expect(listTree(data('src'))).toEqual(original);
    } finally {
      store.close();
    }
  });

  test('killed at any instant, nothing is half made and nothing is lost', { timeout: 120_000 }, async () => {
    for (let n = 0; n < 150; n++) writeFileSync(join(tree, 'sub/empty', `f${n}`), `${n}`.repeat(2000));
    volumeOk('create', 'base', '--from', './tree');
    volumeOk('snapshot', 'base', 'good');
    const whole = listTree(data('base'));
    const attempts: (() => string[])[] = [
      () => ['create', 'k-create', '--from', './tree'],
      () => ['clone', 'base', 'k-clone'],
      () => ['restore', 'base', 'good'],
      () => ['rm', 'k-gone'],
    ];
    for (let round = 0; round < 8; round++) {
      if (volume('inspect', 'k-gone').code !== 0) volumeOk('clone', 'base', 'k-gone');
      const args = (attempts[round % attempts.length] as () => string[])();
      const { child, ended } = startCambium(['volume', ...args], options);
      await new Promise((resolve) => setTimeout(resolve, 40 + Math.random() * 90));
      child.kill('SIGKILL');
      await ended;
      const names = volumeOk('ls', '-q').trim().split('\n');
      expect(names).toContain('base');
      for (const name of names.filter((each) => /^(base|k-)/.test(each)))
        if (existsSync(data(name))) expect([name, listTree(data(name))]).toEqual([name, whole]);
      for (const name of ['k-create', 'k-clone']) volumeOk('rm', '-f', name);
    }
    volumeOk('create', 'sweeps');
    // The name of a lock that was never held is removed when it is old.
    expect(readdirSync(place.path('store/run')).filter((name) => !name.endsWith('.new'))).toEqual([]);
  });
});

test('from a path of an image, and from a repository', async () => {
  const place = places['ext4'] as Scratch;
  const options: CliOptions = { store: place.path('store'), cwd: place.dir };
  mkdirSync(place.path('base'));
  importBusybox(place.path('base'), options);
  cambiumOk(['volume', 'create', 'etc', '--from', 'image:base:/etc'], options);
  expect(readdirSync(place.path('store/volumes/etc/fs'))).toEqual(['group', 'passwd']);
  cambiumOk(['volume', 'create', 'all', '--from', 'image:base'], options);
  expect(readdirSync(place.path('store/volumes/all/fs'))).toContain('bin');

  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: place.path('repo') });
  mkdirSync(place.path('repo'));
  git('init', '-q', '-b', 'main');
  writeFileSync(place.path('repo/file'), 'one');
  git('add', '.');
  git('commit', '-qm', 'one');
  git('update-server-info');
  const server = createServer((request, response) => {
    const file = place.path('repo/.git', (request.url ?? '').replace(/^\/project|\?.*$/g, ''));
    if (existsSync(file) && statSync(file).isFile()) response.end(readFileSync(file));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const source = `git+http://127.0.0.1:${port}/project#main`;
  const { ended } = startCambium(['volume', 'create', 'repo', '--from', source], options);
  const result = await ended;
  server.close();
  expect([result.code, result.stderr]).toEqual([0, '']);
  const clone = place.path('store/volumes/repo/fs');
  expect(readFileSync(join(clone, 'file'), 'utf8')).toBe('one');
  expect(execFileSync('git', ['-C', clone, 'status', '--porcelain'], { encoding: 'utf8' })).toBe('');
});

test.each([
  [['create', 'new', '--from', 'nothing'], /nothing called `nothing`/],
  [['create', 'new', '--from', 'no-volume:/x'], /nothing called `no-volume:\/x`/],
  [['create', 'new', '--from', 'volume://none'], /There is no volume `none`/],
  [['create', 'new', '--from', 'image:none'], /none/],
  [['create', 'new', '--from', '/'], /holds the store itself/],
  [['create', 'src', '--from', './tree'], /There is a volume `src` already/],
  [['create', 'a/b', '--from', './tree'], /can't be the name of a volume/],
  [['clone', 'none', 'new'], /There is no volume `none`/],
  [['clone', 'src', '../new'], /can't be the name of a volume/],
  [['clone', 'src@none', 'new'], /no snapshot `none`/],
  [['clone', 'src', 'src'], /There is a volume `src` already/],
  [['clone', 'src:/sub', 'new'], /cloned as a whole/],
  [['snapshot', 'src', 'a/b'], /can't be the name of a snapshot/],
  [['snapshot', 'src', 'before'], /has a snapshot `before` already/],
  [['snapshot', 'none', 'x'], /There is no volume `none`/],
  [['restore', 'src', 'none'], /no snapshot `none`/],
  [['import', 'src', 'none.tar'], /none\.tar doesn't exist/],
  [['import', 'src', 'tree/sub/file'], /broken/],
  [['export', 'src'], /Where shall it be written/],
  [['export', 'src', 'x', '-o', 'y'], /Where shall it be written/],
  [['export', 'src:/none', 'x'], /There is no \/none in the volume src/],
  [['export', 'src@none', 'x'], /no snapshot `none`/],
  [['rm', 'src@none'], /no snapshot `none`/],
])('volume %s is refused, and changes nothing', (args, message) => {
  const place = places['ext4'] as Scratch;
  const options: CliOptions = { store: place.path('store'), cwd: place.dir };
  const state = () => [
    readdirSync(place.path('store/volumes')),
    listTree(place.path('store/volumes/src'), { times: false }),
  ];
  const before = state();
  const result = cambium(['volume', ...args], options);
  expect(result.stderr).toMatch(message);
  expect(result.stderr).not.toMatch(/\n\s+at /);
  expect([2, 3]).toContain(result.code);
  expect(state()).toEqual(before);
  expect(existsSync(place.path('x'))).toBe(false);
});
