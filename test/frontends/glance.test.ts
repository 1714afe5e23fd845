/**
 * Builds that are known at a glance, and what keeps them from it. What was kept of a build is marked by another title of its
 * steps: a build that shows it went by that, and one that doesn't has looked for itself.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
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
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bindMount, enterPrivateMounts, mountOverlay, setXattr, unmount } from '../../src/kit/system.ts';
import { readGlance, writeGlance } from '../../src/store/glances.ts';
import type { Store } from '../../src/store/store.ts';
import { boxImage } from '../support/box-image.ts';
import { type BuildRun, buildOk, cambiumOk } from '../support/cli.ts';
import { type Scratch, scratch } from '../support/scratch.ts';

let here: Scratch;
beforeEach(() => {
  here = scratch();
});
afterEach(() => here[Symbol.dispose]());

const store = () => here.path('store');
const glances = (): string[] => {
  try {
    return readdirSync(join(store(), 'glances'));
  } catch {
    return [];
  }
};

const build = (path: string, ...flags: string[]) => buildOk([here.path(path), ...flags], { store: store() });

const title = 'as it was kept';

/** Whether the build went by what was kept and marked. */
function isAtAGlance({ events }: BuildRun): boolean {
  return events.some((event) => event.type === 'step-planned' && event.title === title);
}

/** Builds each path until a build is kept of each, which takes until its files are some seconds old; and marks those. */
async function settle(paths: readonly string[], ...flags: string[]): Promise<void> {
  const before = glances().length;
  for (let tries = 0; glances().length < before + paths.length; tries++) {
    if (tries > 100) throw new Error(`of ${paths.length} builds ${glances().length - before} were kept`);
    for (const path of paths) build(path, ...flags);
    await sleep(200);
  }
  for (const name of glances()) {
    const at = { dir: store() } as Store;
    const kept = readGlance(at, name);
    const head = kept?.head as { plan: { steps: { title: string }[] } };
    for (const step of head.plan.steps) step.title = title;
    writeGlance(at, name, head, [kept?.bytes as Uint8Array]);
  }
  for (const path of paths) {
    const again = build(path, ...flags);
    expect([path, isAtAGlance(again), again.ran]).toEqual([path, true, []]);
  }
}

function write(path: string, data: string, mode = 0o644): void {
  mkdirSync(dirname(here.path(path)), { recursive: true });
  writeFileSync(here.path(path), data);
  chmodSync(here.path(path), mode);
}

const old = new Date('2020-01-01');

/** A context whose files have times long past, so many more beside those that change. */
function writeContext(name: string, more: number): void {
  write(`${name}/Dockerfile`, 'FROM scratch\nCOPY . /app/\n');
  const others = Array.from({ length: more }, (_, index) => `dir/more${index % 3}/${index}`);
  for (const file of ['file', 'dir/inner', 'other', ...others]) {
    write(`${name}/${file}`, 'one');
    utimesSync(here.path(name, file), old, old);
  }
  symlinkSync('file', here.path(name, 'link'));
}

/** What happens to a context. The copy runs again where what it takes is another thing, and all else shows too. */
const changes: Record<string, { change: (path: (...names: string[]) => string) => void; runs: boolean }> = {
  'content, with the size and the time kept': {
    change: (path) => {
      writeFileSync(path('file'), 'two');
      utimesSync(path('file'), old, old);
    },
    runs: true,
  },
  mode: { change: (path) => chmodSync(path('dir/inner'), 0o755), runs: true },
  'an extended attribute': {
    change: (path) => setXattr(path('file'), 'user.note', Buffer.from('x')),
    runs: true,
  },
  'another inode in its place': {
    change: (path) => {
      writeFileSync(path('new'), 'owt');
      utimesSync(path('new'), old, old);
      renameSync(path('new'), path('file'));
    },
    runs: true,
  },
  'a new name': { change: (path) => renameSync(path('other'), path('Other')), runs: true },
  'two names exchanged': {
    change: (path) => {
      writeFileSync(path('file'), '1');
      renameSync(path('file'), path('x'));
      renameSync(path('other'), path('file'));
      renameSync(path('x'), path('other'));
    },
    runs: true,
  },
  'a file and a link that have their names exchanged': {
    change: (path) => {
      renameSync(path('file'), path('x'));
      renameSync(path('link'), path('file'));
      renameSync(path('x'), path('link'));
    },
    runs: true,
  },
  'a second name of a file': {
    change: (path) => linkSync(path('file'), path('dir/file')),
    runs: true,
  },
  'a file in the place of a folder': {
    change: (path) => {
      renameSync(path('dir'), path('../unseen'));
      writeFileSync(path('dir'), 'x');
    },
    runs: true,
  },
  'a file that is replaced twice within a moment': {
    change: (path) => {
      for (const data of ['x', 'one']) {
        rmSync(path('dir/inner'));
        writeFileSync(path('dir/inner'), data);
        utimesSync(path('dir/inner'), old, old);
      }
    },
    runs: false,
  },
  owner: { change: (path) => chownSync(path('file'), 1, 1), runs: false },
  'one file more': { change: (path) => writeFileSync(path('dir/more'), ''), runs: true },
  'one file less': { change: (path) => rmSync(path('dir/inner')), runs: true },
  'another folder with equal names': {
    change: (path) => {
      mkdirSync(path('copy'));
      writeFileSync(path('copy/inner'), 'two');
      utimesSync(path('copy/inner'), old, old);
      rmSync(path('dir'), { recursive: true });
      renameSync(path('copy'), path('dir'));
    },
    runs: true,
  },
  'the target of a link': {
    change: (path) => {
      rmSync(path('link'));
      symlinkSync('othe', path('link'));
    },
    runs: true,
  },
  'an ignore file': { change: (path) => writeFileSync(path('.dockerignore'), 'other\n'), runs: true },
  'the Dockerfile': {
    change: (path) => writeFileSync(path('Dockerfile'), 'FROM scratch\nCOPY . /ap2/\n'),
    runs: true,
  },
  'only a time': { change: (path) => utimesSync(path('file'), old, new Date('2021-01-01')), runs: false },
};

// Few files are looked at in another way than many.
test.each([0, 120])('a copy shows whatever changes of what it takes, with %i files more', async (more) => {
  const names = Object.keys(changes).map((_, index) => `in${index}/context`);
  for (const name of names) writeContext(name, more);
  await settle(names);
  for (const [index, [what, { change, runs }]] of Object.entries(changes).entries()) {
    const name = names[index] as string;
    change((...inside) => here.path(name, ...inside));
    const changed = build(name);
    expect([what, isAtAGlance(changed), changed.ran.length > 0]).toEqual([what, false, runs]);
    expect([what, build(name).ran]).toEqual([what, []]);
  }
});

test('a file system that is mounted over a folder, and one below an overlay, show what they hold', async () => {
  enterPrivateMounts();
  writeContext('bound', 120);
  writeContext('other', 120);
  writeFileSync(here.path('other/dir/inner'), 'two');
  writeContext('upper', 120);
  write('below/dir/more0/earlier', 'x');
  mkdirSync(here.path('merged'));
  const merge = () =>
    mountOverlay({ lowers: [here.path('upper'), here.path('below')], at: here.path('merged') });
  merge();
  try {
    await settle(['bound', 'merged']);
    bindMount(here.path('other/dir'), here.path('bound/dir'));
    // The folder of both has the times of the upper one.
    unmount(here.path('merged'));
    write('below/dir/more0/later', 'x');
    merge();
    for (const [name, file] of [
      ['bound', 'dir/inner'],
      ['merged', 'dir/more0/later'],
    ] as const) {
      const out = here.path(`out-${name}`);
      const changed = build(name, '-o', `type=local,dest=${out}`);
      expect([name, isAtAGlance(changed)]).toEqual([name, false]);
      expect(readFileSync(join(out, 'app', file))).toEqual(readFileSync(here.path(name, file)));
    }
  } finally {
    unmount(here.path('merged'));
    unmount(here.path('bound/dir'));
  }
});

/** Keys of all steps, in order. */
function keysOf({ events }: BuildRun): string[] {
  return events.flatMap((event) =>
    event.type === 'step-reused' || event.type === 'step-started' ? [event.key] : [],
  );
}

/** Numbers below `most`, the same for the same seed. */
function randomFrom(seed: number): (most: number) => number {
  let state = seed;
  return (most) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * most);
  };
}

/** Changes something somewhere: names and folders are few, so that the same is met again. */
function changeAny(top: string, random: (most: number) => number): void {
  const path = () => {
    const folder = ['', 'dir', 'dir/more0', 'dir/more1', 'new'][random(5)] as string;
    return join(top, folder, ['file', 'inner', 'link', '0', '3', '7', 'x', 'y'][random(8)] as string);
  };
  const ways: (() => void)[] = [
    () => writeFileSync(path(), `${random(3)}`),
    () => utimesSync(path(), old, old),
    () => chmodSync(path(), random(2) ? 0o600 : 0o755),
    () => renameSync(path(), path()),
    () => linkSync(path(), path()),
    () => symlinkSync('file', path()),
    () => rmSync(path(), { recursive: true }),
    () => mkdirSync(path()),
    () => mkdirSync(join(top, 'new'), { recursive: true }),
    () => setXattr(path(), 'user.note', Buffer.of(random(3))),
    () =>
      writeFileSync(
        join(top, '.dockerignore'),
        ['', 'dir/more0\n', 'dir\n!dir/inner\n'][random(3)] as string,
      ),
  ];
  try {
    ways[random(ways.length)]?.();
  } catch (error) {
    // Not everything can be done everywhere.
    if (typeof (error as { code?: unknown }).code !== 'string') throw error;
  }
}

test('whatever changes, the keys are those of a store that knows nothing', async () => {
  const names = Array.from({ length: 12 }, (_, index) => `context${index}`);
  for (const name of names) writeContext(name, 120);
  await settle(names);
  for (const [index, name] of names.entries()) {
    const random = randomFrom(index);
    for (let count = random(4); count >= 0; count--) changeAny(here.path(name), random);
    const fresh = buildOk([here.path(name)], { store: here.path(`fresh${index}`) });
    expect([name, keysOf(build(name))]).toEqual([name, keysOf(fresh)]);
  }
});

const apply = (line: string) => `#!/bin/bash\nset -e\nmkdir -p "$1/chroot"\n${line}\n`;

function writeTree(name: string): void {
  write(`${name}/spec/image.spec`, 'stage first\nstage second\n');
  write(`${name}/stages/first/apply.sh`, apply('echo first > "$1/chroot/first"'), 0o755);
  write(
    `${name}/stages/second/apply.sh`,
    apply('cat "$(dirname "$0")/assets/text" > "$1/chroot/second"'),
    0o755,
  );
  write(`${name}/stages/second/assets/text`, 'one');
}

test('a spec shows what changes of its stages, its settings and the host', async () => {
  const trees = ['asset', 'script', 'settings', 'spec', 'etc'];
  trees.forEach(writeTree);
  enterPrivateMounts();
  // An /etc that only this process sees, and those that it starts.
  execFileSync('cp', ['-a', '/etc', here.path('host-etc')]);
  write('host-etc/private', 'one', 0o600);
  write('host-etc/folder/inner/file', 'one');
  bindMount(here.path('host-etc'), '/etc');
  try {
    const spec = (tree: string) => `${tree}/spec/image.spec`;
    await settle(trees.map(spec));
    write('asset/stages/second/assets/text', 'two');
    write('script/stages/first/apply.sh', apply('echo 1st > "$1/chroot/first"'), 0o755);
    write('settings/etc/settings.bash', 'x=1\n');
    write('spec/spec/image.spec', 'stage second\n');
    const ran = (tree: string) => {
      const run = build(spec(tree));
      return [tree, isAtAGlance(run), run.ran];
    };
    expect(ran('asset')).toEqual(['asset', false, ['second']]);
    expect(ran('script')).toEqual(['script', false, ['first', 'second']]);
    // No stage sees the settings as a whole.
    expect(ran('settings')).toEqual(['settings', false, []]);
    expect(ran('spec')).toEqual(['spec', false, ['second']]);
    expect(ran('etc')).toEqual(['etc', true, []]);
    // Of no effect, and nothing that a stage can read.
    writeFileSync('/etc/adjtime', 'x');
    writeFileSync('/etc/private', 'two');
    rmSync('/etc/hosts', { force: true });
    expect(ran('etc')).toEqual(['etc', true, []]);
    const edits = [
      () => chmodSync('/etc/private', 0o644),
      () => writeFileSync('/etc/folder/inner/file', 'two'),
      () => writeFileSync('/etc/folder/inner/more', 'x'),
      () => rmSync('/etc/folder/inner', { recursive: true }),
    ];
    for (const edit of edits) {
      edit();
      expect(ran('etc')).toEqual(['etc', false, ['first', 'second']]);
    }
  } finally {
    unmount('/etc');
  }
}, 120_000);

test('images by name and results that are gone are asked for again; warnings are told again', async () => {
  const rootfs = (text: string) => {
    write('rootfs/text', text);
    execFileSync('tar', ['-C', here.path('rootfs'), '-cf', here.path('rootfs.tar'), '.']);
    cambiumOk(['image', 'import', here.path('rootfs.tar'), 'base'], { store: store() });
  };
  rootfs('one');
  write('of-image/Dockerfile', 'FROM base\nCOPY file /file\n');
  write('of-image/file', 'x');
  write('pruned/Dockerfile', 'FROM scratch\nMAINTAINER me\nCOPY file /file\n');
  write('pruned/file', 'x');
  const warned = ({ events }: BuildRun) =>
    events.flatMap((event) => (event.type === 'warning' ? [event.code] : []));
  const warnings = warned(build('pruned'));
  expect(warnings).not.toEqual([]);
  await settle(['of-image', 'pruned']);
  expect(warned(build('pruned'))).toEqual(warnings);
  cambiumOk(['cache', 'prune', '--all'], { store: store() });
  expect(build('pruned').ran).not.toEqual([]);
  rootfs('two');
  expect(build('of-image', '-o', `type=local,dest=${here.path('out')}`).ran).not.toEqual([]);
  expect(readFileSync(here.path('out/text'), 'utf8')).toBe('two');
});

test('what is asked in another way is another build, and a damaged file is none', async () => {
  write('plain/Dockerfile', 'FROM scratch\nARG NAME=one\nCOPY file /$NAME\n');
  write('plain/file', 'x');
  await settle(['plain']);
  const other = build('plain', '--build-arg', 'NAME=two');
  expect([isAtAGlance(other), other.ran.length]).toEqual([false, 1]);
  expect(isAtAGlance(build('plain', '--no-cache'))).toBe(false);
  expect(isAtAGlance(build('plain'))).toBe(true);
  for (const name of glances()) {
    const file = join(store(), 'glances', name);
    writeFileSync(file, Buffer.alloc(statSync(file).size));
  }
  expect([isAtAGlance(build('plain')), build('plain').ran]).toEqual([false, []]);
});

test('passwords of proxies, and values that no step has, are written nowhere', async () => {
  boxImage(here);
  const flags = ['--build-arg', 'HTTP_PROXY=http://me:verysecret@nowhere:1'];
  write('proxied/Dockerfile', 'FROM box\nRUN true\n');
  write('plain/Dockerfile', 'FROM box\nRUN true\n');
  const unused = [
    '--build-arg',
    'TOKEN=verysecret',
    '--build-context',
    'x=https://me:verysecret@nowhere:1/x',
  ];
  write('without-run/Dockerfile', 'FROM scratch\nCOPY file /file\n');
  write('without-run/file', 'x');
  const asked: [string, string[]][] = [
    ['proxied', flags],
    ['without-run', flags],
    ['without-run', unused.slice(0, 2)],
    ['without-run', unused.slice(2)],
  ];
  for (const [path, some] of asked) build(path, ...some);
  // Younger than the others, which so could be kept as well.
  await settle(['plain']);
  for (const [path, some] of asked) expect(build(path, ...some).ran).toEqual([]);
  expect(glances()).toHaveLength(1);
  expect(spawnSync('grep', ['-rq', 'verysecret', store()]).status).toBe(1);
});
