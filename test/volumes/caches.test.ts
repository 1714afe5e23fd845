/** Cache mounts in builds: volumes that are shared, locked or forked, on every kind of file system. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { beginRun } from '../../src/store/runs.ts';
import { openStore } from '../../src/store/store.ts';
import { forkVolume } from '../../src/volumes/index.ts';
import { importBusybox } from '../support/busybox.ts';
import { build, buildOk, type CliOptions, cambiumOk, readBuild, startCambium } from '../support/cli.ts';
import { leftovers } from '../support/leftovers.ts';
import { type Scratch, scratch, scratchOn } from '../support/scratch.ts';
import { listTree } from '../support/tree.ts';

const places: Record<string, Scratch> = { overlay: scratch(), btrfs: scratchOn('btrfs', '1G') };
afterAll(() => {
  for (const place of Object.values(places)) place[Symbol.dispose]();
});

describe.each(['overlay', 'btrfs'])('on %s', (kind) => {
  const place = places[kind] as Scratch;
  const options: CliOptions = { store: place.path('store'), cwd: place.dir };
  mkdirSync(place.path('base'));
  importBusybox(place.path('base'), options);
  let count = 0;

  /** A folder with a Dockerfile of one RUN. */
  function context(mounts: readonly string[], script: string): string {
    count += 1;
    const dir = place.path(`ctx${count}`);
    mkdirSync(dir);
    const flags = mounts.map((mount) => `--mount=type=cache,${mount}`).join(' ');
    writeFileSync(`${dir}/Dockerfile`, `FROM base\nRUN ${flags} ${script}\n`);
    return dir;
  }
  const run = (mounts: readonly string[], script: string) =>
    build(['--no-cache', context(mounts, script)], options);
  const start = (mounts: readonly string[], script: string) =>
    startCambium(['build', '--progress', 'json', context(mounts, script)], options);
  const printed = (events: ReturnType<typeof build>['events']) =>
    events.map((event) => (event.type === 'step-output' ? event.text : '')).join('');
  const data = (volume: string, ...names: string[]) => place.path('store/volumes', volume, 'fs', ...names);
  async function until(condition: () => boolean): Promise<void> {
    for (let tries = 0; !condition(); tries++) {
      if (tries > 600) throw new Error('what was waited for did not come');
      await sleep(50);
    }
  }

  test('a cache is a volume that is listed by its id', () => {
    buildOk(
      [context(['id=plain,target=/c', 'target=/root/.cache/x', 'id=own,target=/o,uid=7'], 'touch /c/f')],
      options,
    );
    const listed = cambiumOk(['volume', 'ls', '--format', '{{.Name}} {{.Kind}} {{.Origin}}'], options).stdout;
    expect(listed).toContain('cache-plain cache cache mount plain\n');
    expect(listed).toMatch(/^cache-root-\.cache-x-[0-9a-f]{8} cache cache mount \/root\/\.cache\/x$/m);
    expect(listed).toMatch(/^cache-own-[0-9a-f]{8} cache cache mount own$/m);
    expect(existsSync(data('cache-plain', 'f'))).toBe(true);
  });

  test('a fork is kept when the run succeeds, and thrown away when it fails', () => {
    const mount = ['id=forked,target=/c,sharing=fork'];
    expect(run(mount, 'echo 1 > /c/kept').code).toBe(0);
    expect(run(mount, 'echo 2 > /c/kept && touch /c/bad && exit 7').code).toBe(1);
    const third = run(mount, 'cat /c/kept; ls /c');
    expect(printed(third.events)).toBe('1\nkept\n');
    expect(readdirSync(place.path('store/volumes/cache-forked'))).toEqual(['fs']);
  });

  test('builds at once see nothing of each other, and the last to end gives the state', async () => {
    const sync = 'id=sync,target=/sync';
    const fork = 'id=race,target=/c,sharing=fork';
    expect(run([fork], 'echo first > /c/seed').code).toBe(0);
    const slow = start(
      [fork, sync],
      'touch /c/slow /sync/running; until test -e /sync/go; do sleep 0.05; done; ls /c',
    );
    await until(() => existsSync(data('cache-sync', 'running')));
    const quick = run([fork], 'ls /c; rm /c/seed; touch /c/quick');
    expect(printed(quick.events)).toBe('seed\n');
    const between = run([fork], 'ls /c');
    expect(printed(between.events)).toBe('quick\n');
    writeFileSync(data('cache-sync', 'go'), '');
    const ended = readBuild(await slow.ended);
    expect(ended.code).toBe(0);
    expect(printed(ended.events)).toBe('seed\nslow\n');
    expect(printed(run([fork], 'ls /c').events)).toBe('seed\nslow\n');
    expect(readdirSync(place.path('store/volumes/cache-race'))).toEqual(['fs']);
  });

  test('a chain of forks gives what the same changes give in a folder', async () => {
    const changes = [
      'mkdir -p d/e f && echo 1 > d/e/one && echo 2 > f/two && ln -s d/e link && echo x > file && chmod 750 f',
      'rm file && mkdir file && echo 3 > file/three && rm -r f && echo now > f && ln d/e/one hard',
      'rm -r d && mkdir d && echo again > d/only && rm link && mkdir link && touch link/in',
      'rm -r file && chown 5:6 f && chmod 1777 d && touch -d "2020-01-01 00:00:00" d/only && ln -s nowhere broken',
      'chmod 700 . && rm -r link && mkdir -p link/deep/er && echo end > link/deep/er/end && rm broken',
    ];
    const plain = place.path('plain');
    mkdirSync(plain);
    const store = openStore(options.store);
    try {
      using run = beginRun(store);
      for (const change of changes) {
        using fork = await forkVolume(store, run, 'chain', { create: true });
        for (const cwd of [fork.host, plain]) execFileSync('busybox', ['sh', '-c', change], { cwd });
        await fork.keep();
      }
    } finally {
      store.close();
    }
    const shown = (dir: string) => [statSync(dir).mode, ...listTree(dir, { times: false })];
    expect(shown(data('chain'))).toEqual(shown(plain));
  });

  test('in place and forks take turns: who is in place sees what the forks made', async () => {
    const fork = start(
      ['id=both,target=/c,sharing=fork', 'id=sync2,target=/sync'],
      'touch /c/forked /sync/running; until test -e /sync/go; do sleep 0.05; done',
    );
    await until(() => existsSync(data('cache-sync2', 'running')));
    const shared = start(['id=both,target=/c', 'id=other,target=/o'], 'ls /c; touch /c/shared');
    writeFileSync(data('cache-sync2', 'go'), '');
    expect((await fork.ended).code).toBe(0);
    const ended = readBuild(await shared.ended);
    expect(printed(ended.events)).toBe('forked\n');
    expect(readdirSync(data('cache-both'))).toEqual(['forked', 'shared']);
  });

  test('locked caches are used by one at a time, private ones by none together', async () => {
    const script = 'test ! -e /c/busy && touch /c/busy && sleep 0.2 && rm /c/busy';
    const locked = [1, 2].map((n) => start(['id=turns,target=/c,sharing=locked'], `${script} && : ${n}`));
    const own = [1, 2].map((n) => start(['id=own2,target=/c,sharing=private'], `${script} && : ${n}`));
    for (const { ended } of [...locked, ...own]) expect(await ended).toMatchObject({ code: 0 });
  });

  test('one cache at two places of a step is opened once', () => {
    const mounts = ['id=twice,target=/a,sharing=locked', 'id=twice,target=/b,sharing=locked'];
    const result = run(mounts, 'touch /a/f && ls /b');
    expect(printed(result.events)).toBe('f\n');
  });

  test('a killed build leaves its cache as it was, and nothing else', async () => {
    const mount = ['id=crash,target=/c,sharing=fork'];
    expect(run(mount, 'echo good > /c/state').code).toBe(0);
    for (let round = 0; round < 3; round++) {
      const { child, ended } = start(mount, `echo bad${round} > /c/state; sleep 0.3; exit 1`);
      await sleep(120 + Math.random() * 500);
      child.kill('SIGKILL');
      await ended;
    }
    expect(printed(run(mount, 'cat /c/state').events)).toBe('good\n');
    const left = leftovers(place.path('store'));
    expect({ mounts: left.mounts, runs: left.runs }).toEqual({ mounts: [], runs: [] });
  });
});
