/** One suite that every snapshot driver passes. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { encodeName, fsPath } from '../../../src/kit/names.ts';
import { bindBare, makeNode, setTimes, setXattr, unmount } from '../../../src/kit/system.ts';
import type { Change } from '../../../src/kit/tree.ts';
import type { SnapshotId } from '../../../src/plan/index.ts';
import { btrfsDriver } from '../../../src/workers/local/snapshots/btrfs.ts';
import type {
  Seen,
  SnapshotDriver,
  SnapshotRecord,
  Stack,
} from '../../../src/workers/local/snapshots/driver.ts';
import { overlayDriver, stackFolders } from '../../../src/workers/local/snapshots/overlay.ts';
import { scratch, scratchOn } from '../../support/scratch.ts';
import { listTree } from '../../support/tree.ts';

const places = { overlay: scratch(), btrfs: scratchOn('btrfs', '2G') };
afterAll(() => {
  for (const place of Object.values(places)) place[Symbol.dispose]();
});

describe.each(['overlay', 'btrfs'] as const)('%s', (name) => {
  const place = places[name];
  const snapshotsDir = place.path('snapshots');
  mkdirSync(snapshotsDir);
  const driver: SnapshotDriver = name === 'overlay' ? overlayDriver(snapshotsDir) : btrfsDriver(snapshotsDir);
  let count = 0;

  /** Commits a snapshot on top of `stack`, changed by `change`. */
  const commit = (stack: Stack, change: (root: string) => void): Stack => {
    count += 1;
    const folder = `s${count}`;
    const workspace = driver.fork(stack, place.path(`w${count}`));
    change(workspace.root);
    driver.release(workspace);
    driver.commit(workspace, folder);
    driver.discard(workspace.dir);
    const record: SnapshotRecord = { id: folder as SnapshotId, folders: [folder] };
    return [record, ...stack];
  };
  const view = <T>(stack: Stack, body: (root: string) => T): T => {
    count += 1;
    const at = place.path(`v${count}`);
    mkdirSync(at);
    driver.view(stack, at);
    try {
      return body(at);
    } finally {
      unmount(at);
    }
  };
  const told = (changes: Iterable<Change>) =>
    [...changes].map((change) =>
      change.kind === 'deleted'
        ? `D ${change.path}`
        : `P ${change.entry.path}${change.opaque ? ' opaque' : ''}`,
    );

  test('a fork shows its parent, and changes nothing of it', () => {
    const base = commit([], (root) => {
      mkdirSync(join(root, 'etc'));
      writeFileSync(join(root, 'etc/a'), 'one');
    });
    const next = commit(base, (root) => {
      expect(readFileSync(join(root, 'etc/a'), 'utf8')).toBe('one');
      writeFileSync(join(root, 'etc/a'), 'two');
      writeFileSync(join(root, 'b'), 'new');
    });
    view(base, (root) => expect(readFileSync(join(root, 'etc/a'), 'utf8')).toBe('one'));
    view(next, (root) => {
      expect(readFileSync(join(root, 'etc/a'), 'utf8')).toBe('two');
      expect(() => writeFileSync(join(root, 'c'), 'x')).toThrow(/EROFS/);
    });
    expect(told(driver.diff(next))).toEqual(['P b', 'P etc', 'P etc/a']);
  });

  test('a fork of nothing is an empty folder of root, whatever the umask', () => {
    const umask = process.umask(0o077);
    try {
      const stack = commit([], () => {});
      view(stack, (root) => expect(statSync(root).mode & 0o7777).toBe(0o755));
    } finally {
      process.umask(umask);
    }
  });

  test('what is captured of a workspace at work is what it held then; the next capture goes on from there', () => {
    const base = commit([], (root) => {
      mkdirSync(join(root, 'd'));
      for (const file of ['d/same', 'd/edited', 'd/gone']) writeFileSync(join(root, file), 'one');
    });
    // An overlay hides its own folders: they are seen where its mount is not.
    const bare = place.path('bare');
    mkdirSync(bare);
    bindBare(place.dir, bare);
    const live = driver.fork(base, place.path('live'));
    const hidden = { dir: join(bare, 'live'), root: live.root };
    const capture = (below: Stack, seen: Seen | undefined) => {
      count += 1;
      const folder = `c${count}`;
      const made = driver.capture(hidden, place.path(`w${count}`), seen);
      driver.release(made.workspace);
      driver.commit(made.workspace, folder);
      driver.discard(made.workspace.dir);
      // As it is kept between two commands.
      const told = JSON.parse(JSON.stringify(made.seen)) as Seen;
      return { stack: [{ id: folder as SnapshotId, folders: [folder] }, ...below], seen: told };
    };
    writeFileSync(join(live.root, 'd/edited'), 'two');
    rmSync(join(live.root, 'd/gone'));
    const first = capture(base, undefined);
    rmSync(join(live.root, 'd/edited'));
    writeFileSync(join(live.root, 'd/new'), 'three');
    const second = capture(first.stack, first.seen);
    driver.discard(live.dir);
    unmount(bare);
    const files = (stack: Stack) =>
      view(stack, (root) =>
        readdirSync(join(root, 'd')).map((name) => `${name} ${readFileSync(join(root, 'd', name), 'utf8')}`),
      );
    expect(files(base)).toEqual(['edited one', 'gone one', 'same one']);
    expect(files(first.stack)).toEqual(['edited two', 'same one']);
    expect(files(second.stack)).toEqual(['new three', 'same one']);
  });

  test('a discarded workspace leaves nothing', () => {
    const base = commit([], (root) => writeFileSync(join(root, 'a'), 'one'));
    const workspace = driver.fork(base, place.path('gone'));
    writeFileSync(join(workspace.root, 'b'), 'x');
    driver.release(workspace);
    driver.discard(workspace.dir);
    expect(existsSync(workspace.dir)).toBe(false);
    driver.discard(workspace.dir);
  });

  test('deletions, replaced folders and renames are told', () => {
    const base = commit([], (root) => {
      for (const folder of ['keep', 'gone', 'replaced', 'moved/deep'])
        mkdirSync(join(root, folder), { recursive: true });
      for (const file of ['keep/a', 'keep/b', 'gone/c', 'replaced/old', 'moved/deep/d'])
        writeFileSync(join(root, file), file);
    });
    const next = commit(base, (root) => {
      rmSync(join(root, 'keep/a'));
      rmSync(join(root, 'gone'), { recursive: true });
      rmSync(join(root, 'replaced'), { recursive: true });
      mkdirSync(join(root, 'replaced'));
      writeFileSync(join(root, 'replaced/new'), 'x');
      execFileSync('mv', [join(root, 'moved'), join(root, 'elsewhere')]);
    });
    const changes = told(driver.diff(next));
    for (const line of [
      'D keep/a',
      'D gone',
      'D moved',
      'P elsewhere',
      'P elsewhere/deep',
      'P elsewhere/deep/d',
      'P replaced/new',
    ]) {
      expect(changes).toContain(line);
    }
    // Either the old content is hidden as a whole, or entry by entry.
    expect(changes.includes('P replaced opaque') || changes.includes('D replaced/old')).toBe(true);
    expect(changes.some((line) => line.includes('keep/b'))).toBe(false);
    view(next, (root) => expect(readdirSync(join(root, 'replaced'))).toEqual(['new']));
    const again = commit(next, (root) => {
      rmSync(join(root, 'elsewhere'), { recursive: true });
      writeFileSync(join(root, 'elsewhere'), 'a file now');
      mkdirSync(join(root, 'gone'));
    });
    view(again, (root) => {
      expect(statSync(join(root, 'elsewhere')).isFile()).toBe(true);
      expect(readdirSync(join(root, 'gone'))).toEqual([]);
    });
    expect(told(driver.diff(again)).filter((line) => line.includes('elsewhere'))).toEqual(['P elsewhere']);
  });

  test('all metadata survives', () => {
    const strange = join('d', `no-utf8-\udcff\udc80`);
    const write = (root: string) => {
      mkdirSync(join(root, 'd'));
      chmodSync(join(root, 'd'), 0o3775);
      for (const file of ['d/setuid', 'd/caps', 'd/owned', 'd/acl']) writeFileSync(join(root, file), file);
      chownSync(join(root, 'd/owned'), 70_000, 4_000_000);
      chmodSync(join(root, 'd/setuid'), 0o4751);
      // cap_net_bind_service=ep, version 2.
      setXattr(
        join(root, 'd/caps'),
        'security.capability',
        Buffer.from('0100000200040000000000000000000000000000', 'hex'),
      );
      setXattr(join(root, 'd/owned'), 'user.note', Buffer.from([0, 255, 10]));
      execFileSync('setfacl', ['-m', 'u:1234:rw', join(root, 'd/acl')]);
      linkSync(join(root, 'd/owned'), join(root, 'd/hard'));
      symlinkSync('/nowhere/../x', join(root, 'd/link'));
      makeNode(join(root, 'd/null'), 'char', 0o666, { major: 1, minor: 3 });
      makeNode(join(root, 'd/disk'), 'block', 0o660, { major: 259, minor: 300 });
      makeNode(join(root, 'd/pipe'), 'fifo', 0o600);
      writeFileSync(fsPath(join(root, strange)), 'bytes');
      const sparse = openSync(join(root, 'd/sparse'), 'w');
      ftruncateSync(sparse, 5 * 2 ** 30);
      writeSync(sparse, 'end', 4 * 2 ** 30);
      closeSync(sparse);
      for (const file of ['d/setuid', 'd/link', 'd']) setTimes(join(root, file), 1_234_567_890_123_456_789n);
    };
    const plain = place.path('plain');
    mkdirSync(plain);
    write(plain);
    const without = ['d/sparse'];
    const options = { without, times: true };
    const wanted = ['d', 'd/setuid', 'd/link'];
    const pick = (root: string) =>
      listTree(root, options).map((line) =>
        wanted.some((path) => line.startsWith(`${path} `)) ? line : line.replace(/ \d+$/, ''),
      );
    const stack = commit([], write);
    expect(view(stack, pick)).toEqual(pick(plain));
    view(stack, (root) => {
      const { size, blocks } = statSync(join(root, 'd/sparse'));
      expect(size).toBe(5 * 2 ** 30);
      expect(blocks * 512).toBeLessThan(2 ** 20);
    });
    const paths = [...driver.diff(stack)].map((change) =>
      change.kind === 'present' ? change.entry.path : '',
    );
    expect(paths).toContain(strange);
    expect(encodeName(strange).includes(0xff)).toBe(true);
  });

  test('only metadata changed: the entry is told with its new metadata', () => {
    const base = commit([], (root) => {
      for (const file of ['mode', 'owner', 'xattr', 'same']) writeFileSync(join(root, file), file);
    });
    const next = commit(base, (root) => {
      chmodSync(join(root, 'mode'), 0o600);
      chownSync(join(root, 'owner'), 5, 6);
      setXattr(join(root, 'xattr'), 'user.a', Buffer.from('b'));
    });
    expect(told(driver.diff(next))).toEqual(['P mode', 'P owner', 'P xattr']);
  });

  test('a folder is told only when it changed itself, on its way to a change or after a mount in it', () => {
    const base = commit([], (root) => {
      mkdirSync(join(root, 'd/e'), { recursive: true });
      mkdirSync(join(root, 'm'));
      mkdirSync(join(root, 'changed'));
      for (const file of ['d/e/f', 'd/e/same']) writeFileSync(join(root, file), file);
    });
    const next = commit(base, (root) => {
      chmodSync(join(root, 'd/e/f'), 0o600);
      chmodSync(join(root, 'changed'), 0o700);
      const { mtimeNs } = statSync(join(root, 'm'), { bigint: true });
      writeFileSync(join(root, 'm/mounted'), '');
      rmSync(join(root, 'm/mounted'));
      setTimes(join(root, 'm'), mtimeNs);
    });
    expect(told(driver.diff(next))).toEqual(['P changed', 'P d', 'P d/e', 'P d/e/f']);
  });

  test('a file is found without a mount, and links are not followed', () => {
    const base = commit([], (root) => {
      mkdirSync(join(root, 'a/b'), { recursive: true });
      writeFileSync(join(root, 'a/b/c'), 'one');
      writeFileSync(join(root, 'gone'), 'x');
      symlinkSync('/etc', join(root, 'out'));
    });
    const next = commit(base, (root) => {
      writeFileSync(join(root, 'a/b/d'), 'two');
      rmSync(join(root, 'gone'));
    });
    expect(readFileSync(driver.locate(next, 'a/b/c') as string, 'utf8')).toBe('one');
    expect(readFileSync(driver.locate(next, 'a/b/d') as string, 'utf8')).toBe('two');
    expect(driver.locate(next, 'gone')).toBeUndefined();
    expect(driver.locate(next, 'out/passwd')).toBeUndefined();
    expect(driver.locate(next, 'a/b/c/d')).toBeUndefined();
  });

  test('what is shown below a workspace is no part of it', () => {
    const below = place.path('below');
    for (const folder of ['below/dev', 'below/etc']) mkdirSync(place.path(folder), { recursive: true });
    writeFileSync(join(below, 'etc/hosts'), 'below');
    const base = commit([], (root) => {
      mkdirSync(join(root, 'dev'));
      writeFileSync(join(root, 'dev/a'), 'one');
    });
    const workspace = driver.fork(base, place.path('above'), below);
    expect(existsSync(join(workspace.root, 'etc/hosts'))).toBe(name === 'overlay');
    mkdirSync(join(workspace.root, 'etc'), { recursive: true });
    writeFileSync(join(workspace.root, 'etc/own'), 'x');
    driver.release(workspace);
    driver.commit(workspace, 'above');
    driver.discard(workspace.dir);
    expect(existsSync(workspace.dir)).toBe(false);
    const next = [{ id: 'above' as SnapshotId, folders: ['above'] }, ...base];
    expect(told(driver.diff(next))).toEqual(['P etc', 'P etc/own']);
    view(next, (root) => {
      expect(readdirSync(join(root, 'etc'))).toEqual(['own']);
      expect(readdirSync(join(root, 'dev'))).toEqual(['a']);
    });
    expect(readdirSync(join(below, 'etc'))).toEqual(['hosts']);
  });

  test('a chain of 300 steps', () => {
    let stack: Stack = commit([], (root) => writeFileSync(join(root, 'log'), '0\n'));
    for (let step = 1; step <= 300; step++) {
      stack = commit(stack, (root) => {
        writeFileSync(join(root, `f${step}`), String(step));
        if (step % 50 === 0) rmSync(join(root, `f${step - 1}`));
      });
    }
    view(stack, (root) => {
      expect(readdirSync(root)).toHaveLength(301 - 6);
      expect(readFileSync(join(root, 'f1'), 'utf8')).toBe('1');
    });
    if (driver.fold === undefined) return;
    const before = view(stack, (root) => listTree(root));
    const folded = driver.fold(stackFolders(stack), [], place.path('fold'));
    driver.commit(folded, 'folded');
    const short: Stack = [{ ...(stack[0] as SnapshotRecord), folded: 'folded' }];
    expect(view(short, (root) => listTree(root))).toEqual(before);
    const next = commit(short, (root) => renameSync(join(root, 'f1'), join(root, 'g1')));
    expect(told(driver.diff(next))).toEqual(['D f1', 'P g1']);
  });

  test('removing a snapshot removes its files', () => {
    const stack = commit([], (root) => writeFileSync(join(root, 'a'), 'one'));
    const folder = stack[0]?.folders[0] as string;
    driver.remove(folder);
    expect(existsSync(join(snapshotsDir, folder))).toBe(false);
    driver.remove(folder);
  });
});
