/** Cache mounts in builds: volumes that are shared, locked or forked, on every kind of file system. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
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

  test('a volume is the context of a build, keyed by what it holds', () => {
    const dir = place.path('tree');
    mkdirSync(`${dir}/sub`, { recursive: true });
    writeFileSync(`${dir}/Dockerfile`, 'FROM base\nCOPY a /\nCOPY --from=more f /f\nRUN cat /a /f > /both\n');
    writeFileSync(`${dir}/a`, 'a\n');
    writeFileSync(`${dir}/sub/f`, 'f\n');
    cambiumOk(['volume', 'create', 'src', '--from', dir], options);
    const args = ['volume://src', '--build-context', 'more=volume://src/sub', '-t', 'from-volume'];
    expect(buildOk(args, options).ran).toHaveLength(3);
    expect(buildOk(args, options).ran).toEqual([]);
    writeFileSync(data('src', 'sub/f'), 'g\n');
    expect(buildOk(args, options).ran).toHaveLength(2);
    for (const wrong of [
      'volume://none',
      'volume://src/none',
      'volume://src/a',
      'volume://..',
      'volume://src@x',
    ]) {
      const result = build([wrong], options);
      expect([wrong, result.code, result.stdout]).toEqual([wrong, 2, expect.stringContaining('volume')]);
    }
    expect(cambiumOk(['plan', ...args.slice(0, 3)], options).stdout).toContain('hit');
    expect(readdirSync(place.path('store/run'))).toEqual([]);
  });

  test('outputs go into volumes, whole, and no link leads them out', () => {
    const to = (...dests: string[]) =>
      build(
        [
          'volume://src',
          '--build-context',
          'more=volume://src/sub',
          ...dests.flatMap((dest) => ['-o', dest]),
        ],
        options,
      );
    const first = to('type=local,dest=volume://out/deep/tree', 'type=tar,dest=volume://out/image.tar');
    expect([first.code, first.stderr]).toEqual([0, '']);
    expect(readFileSync(data('out', 'deep/tree/both'), 'utf8')).toBe('a\ng\n');
    writeFileSync(data('out', 'deep/tree/mine'), 'stays');
    symlinkSync(place.dir, data('out', 'away'));
    expect(to('type=local,dest=volume://out/deep/tree', 'type=oci,dest=volume://out/layout/').code).toBe(0);
    expect(readdirSync(data('out'))).toEqual(['away', 'deep', 'image.tar', 'layout']);
    expect(readdirSync(data('out', 'deep/tree'))).toEqual(expect.arrayContaining(['both', 'mine', 'bin']));
    const before = listTree(data('out'));
    for (const dest of ['volume://out/away/x', 'volume://out/image.tar/x', 'volume://out/image.tar'])
      expect([dest, to(`type=local,dest=${dest}`).code]).toEqual([dest, 2]);
    expect(to('type=tar,dest=volume://out/deep').code).toBe(2);
    expect(to('type=tar,dest=volume://out@x/deep').code).toBe(2);
    expect(listTree(data('out'))).toEqual(before);
    expect(existsSync(place.path('x'))).toBe(false);
    expect(to('type=local,dest=volume://whole').code).toBe(0);
    expect(readdirSync(data('whole'))).toContain('both');
  });

  test.runIf(kind === 'overlay')('stages of specs mount volumes, whose content is in no key', () => {
    const tree = place.path('spec');
    mkdirSync(`${tree}/stages/two`, { recursive: true });
    writeFileSync(`${tree}/stages/two/inside.sh`, '#!/bin/sh\ncat /in/note > /seen; touch /out/two\n', {
      mode: 0o755,
    });
    writeFileSync(`${tree}/stages/two/volumes`, '# name and place\nnotes /in ro\nresults /out\n');
    writeFileSync(`${tree}/image.spec`, 'base base\nstage two\n');
    const program = (volumes: string) =>
      `import { command, image } from 'cambium';
      export default image({ base: 'base', stages: [command('touch /out/one', { volumes: ${volumes} })] });`;
    writeFileSync(`${tree}/cambium.ts`, program("{ results: '/out' }"));
    cambiumOk(['volume', 'create', 'notes'], options);
    writeFileSync(data('notes', 'note'), 'first');
    buildOk([tree], options);
    buildOk([`${tree}/image.spec`, '-t', 'noted'], options);
    expect(readdirSync(data('results'))).toEqual(['one', 'two']);
    writeFileSync(data('notes', 'note'), 'second');
    expect(buildOk([`${tree}/image.spec`], options).ran).toEqual([]);
    const list = cambiumOk(['volume', 'ls', '--format', '{{.Name}} {{.Kind}}'], options).stdout;
    expect(list).toContain('results user\n');
    for (const [volumes, message] of [
      ["{ 'a/b': '/out' }", "can't be the name of a volume"],
      ["{ results: 'out' }", 'takes an absolute path'],
      ["{ results: '/' }", 'takes an absolute path'],
    ] as const) {
      writeFileSync(`${tree}/cambium.ts`, program(volumes));
      expect(build([tree], options)).toMatchObject({ code: 2, stdout: expect.stringContaining(message) });
    }
    writeFileSync(`${tree}/stages/two/volumes`, 'notes\n');
    expect(build([`${tree}/image.spec`], options).stdout).toMatch(
      /names no volume and its place.*Write NAME \/PATH/,
    );
  });

  test('an output that is killed at any instant is in its volume as a whole, or not at all', async () => {
    const dir = place.path('many');
    mkdirSync(`${dir}/d`, { recursive: true });
    for (let n = 0; n < 400; n++) writeFileSync(`${dir}/d/f${n}`, `${n}`);
    cambiumOk(['image', 'import', dir, 'many'], options);
    const whole = listTree(dir, { times: false });
    const args = ['image', 'export', 'many', '-o', 'type=local,dest=volume://killed/at'];
    for (let round = 0; round < 4; round++) {
      cambiumOk(['volume', 'rm', '-f', 'killed'], options);
      cambiumOk(['volume', 'create', 'killed'], options);
      writeFileSync(data('killed', 'old'), 'stays');
      const { child, ended } = startCambium(args, options);
      await sleep(80 + Math.random() * 170);
      child.kill('SIGKILL');
      await ended;
      // Whoever looks next folds what a killed process had kept.
      cambiumOk(['volume', 'export', 'killed', `killed${round}`], options);
      const found = readdirSync(place.path(`killed${round}`));
      expect([['old'], ['at', 'old']]).toContainEqual(found);
      if (found.includes('at'))
        expect(listTree(place.path(`killed${round}/at`), { times: false })).toEqual(whole);
    }
    cambiumOk(args, options);
    expect(listTree(data('killed', 'at'), { times: false })).toEqual(whole);
    expect(readdirSync(place.path('store/volumes/killed'))).toEqual(['fs']);
  });

  test('only `prune --volumes` takes caches, and none that is in use or a person made', async () => {
    const held = start(
      ['id=held,target=/c', 'id=sync3,target=/sync'],
      'touch /sync/running; until test -e /sync/go; do sleep 0.05; done',
    );
    await until(() => existsSync(data('cache-sync3', 'running')));
    const names = () => cambiumOk(['volume', 'ls', '-q'], options).stdout.trim().split('\n');
    const all = names();
    cambiumOk(['cache', 'prune', '--all'], options);
    cambiumOk(['cache', 'prune', '--volumes', '--older-than', '1h'], options);
    const told = cambiumOk(['cache', 'prune', '--volumes', '--dry-run'], options).stdout;
    expect(told).toContain('would remove the volume cache-plain (');
    expect(names()).toEqual(all);
    expect(cambiumOk(['cache', 'du'], options).stdout).toMatch(/^cache volumes +\d+ /m);
    cambiumOk(['cache', 'prune', '--volumes'], options);
    const left = ['cache-held', 'cache-sync3', ...all.filter((name) => !name.startsWith('cache-'))];
    expect(names()).toEqual(left.sort());
    writeFileSync(data('cache-sync3', 'go'), '');
    expect((await held.ended).code).toBe(0);
    cambiumOk(['image', 'import', place.path('base'), 'base'], options);
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
