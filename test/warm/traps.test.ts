/** What others who kept a container warm were caught by, each by its name; see docs/warm.md. */
import { chmodSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { cambium, cambiumOk, startCambium } from '../support/cli.ts';
import { listTree } from '../support/tree.ts';
import {
  cleanFiles,
  fileOf,
  filesOf,
  makefile,
  type Project,
  project,
  readRebuilt,
  rebuild,
  rebuildOk,
} from './support/project.ts';

let own: Project;

beforeAll(() => {
  own = project();
});

afterAll(() => own[Symbol.dispose]());

const past = new Date('2001-02-03T04:05:06Z');
let number = 0;

/** A new project in the context: another warm builder each time, for its Dockerfile has another name. */
let file: string;
beforeEach(() => {
  rmSync(own.path(''), { recursive: true });
  mkdirSync(own.path(''));
  own.write({
    Makefile: makefile,
    'src/main.c': 'main one\n',
    'src/other.c': 'other\n',
    'src/all.h': 'header\n',
  });
  file = `Dockerfile.${++number}`;
});

function dockerfile(...lines: string[]): void {
  own.write({ [file]: `FROM base\n${lines.join('\n')}\n`, '.dockerignore': 'Dockerfile*\n' });
}

const warm = (...args: string[]) => rebuildOk(own, '-f', own.path(file), ...args);
const made = () => dockerfile('WORKDIR /w', 'COPY . .', 'RUN make -s');

/** A store of its own, from nothing. */
function expectClean(): void {
  expect(filesOf(own)).toEqual(cleanFiles(own, '-f', own.path(file)));
}

test('times: a changed file that is older than its object is compiled', () => {
  made();
  expect(warm().printed.sort()).toEqual(['CC src/main.c', 'CC src/other.c', 'LINK']);
  own.write({ 'src/main.c': 'main two\n' });
  utimesSync(own.path('src/main.c'), past, past);
  expect(warm().printed).toEqual(['CC src/main.c', 'LINK']);
  expect(fileOf(own, 'w/out/app')).toBe('main two\nheader\nother\nheader\n');
  // And back again, as `git checkout` does.
  own.write({ 'src/main.c': 'main one\n' });
  utimesSync(own.path('src/main.c'), past, past);
  own.write({ 'src/other.c': 'other two\n' });
  expect(warm().printed.sort()).toEqual(['CC src/main.c', 'CC src/other.c', 'LINK']);
  expectClean();
});

test('times: two edits of one size are two edits, also for tools that keep whole seconds', () => {
  dockerfile('COPY src /src', "RUN stat -c '%Y %s' /src/main.c > /stamp; cat /src/main.c > /last");
  const stamps = new Set<string>();
  for (const text of ['edit a\n', 'edit b\n', 'edit c\n']) {
    own.write({ 'src/main.c': text });
    warm();
    const stamp = fileOf(own, 'stamp');
    expect(stamps).not.toContain(stamp);
    stamps.add(stamp);
  }
});

test('times: a copy that keeps them in whole seconds', () => {
  dockerfile(
    'COPY src /src',
    'RUN cp /src/main.c /copy; touch -d @$(stat -c %Y /src/main.c) /copy; stat -c %Y /copy',
  );
  const stamps = new Set<string>();
  for (const text of ['edit a\n', 'edit b\n', 'edit c\n']) {
    own.write({ 'src/main.c': text });
    const [stamp = ''] = warm().printed;
    expect(stamps).not.toContain(stamp);
    stamps.add(stamp);
  }
});

test('times alone are no change', () => {
  made();
  warm();
  utimesSync(own.path('src/main.c'), new Date(), new Date());
  expect(warm().ran).toEqual([]);
});

test('deleted inputs: no object of a deleted or renamed source stays', () => {
  made();
  warm();
  rmSync(own.path('src/other.c'));
  expect(warm().printed).toEqual(['CC src/main.c', 'LINK']);
  expect(fileOf(own, 'w/out/app')).toBe('main one\nheader\n');
  renameSync(own.path('src/main.c'), own.path('src/new.c'));
  warm();
  expectClean();
});

test('deleted folders, and those that become files or links', () => {
  own.write({ 'src/sub/a.c': 'a\n', 'src/sub/deep/b.c': 'b\n' });
  made();
  warm();
  rmSync(own.path('src/sub'), { recursive: true });
  warm();
  expectClean();
  own.write({ 'src/real/r.c': 'r\n' });
  symlinkSync('real', own.path('src/sub'));
  warm();
  expectClean();
});

test('a failed rebuild leaves the image and its tag, and its files stay pending', () => {
  dockerfile('WORKDIR /w', 'COPY . .', 'RUN ! grep -q bad src/main.c && make -s');
  warm();
  const before = filesOf(own);
  own.write({ 'src/main.c': 'bad\n' });
  const failed = rebuild(own, '-f', own.path(file));
  expect(failed.code).toBe(1);
  expect(filesOf(own)).toEqual(before);
  // Another edit: what failed is in it too.
  own.write({ 'src/other.c': 'other two\n' });
  expect(rebuild(own, '-f', own.path(file)).code).toBe(1);
  own.write({ 'src/main.c': 'good\n' });
  expect(warm().printed.sort()).toEqual(['CC src/main.c', 'CC src/other.c', 'LINK']);
  expectClean();
});

test('permissions and owners arrive', () => {
  dockerfile('COPY --chown=7:8 . /w/', "RUN cd /w && make -s && stat -c '%a %u:%g' src/main.c > mode");
  warm();
  chmodSync(own.path('src/main.c'), 0o751);
  warm();
  expect(fileOf(own, 'w/mode')).toBe('751 7:8\n');
  own.write({ 'src/fresh.c': 'fresh\n' });
  warm();
  expectClean();
});

test('an edit of a header compiles all, one of the ignore file adds and removes', () => {
  made();
  warm();
  own.write({ 'src/all.h': 'header two\n' });
  expect(warm().printed.sort()).toEqual(['CC src/main.c', 'CC src/other.c', 'LINK']);
  own.write({ '.dockerignore': 'Dockerfile*\nsrc/other.c\n' });
  expect(warm().printed).toEqual(['CC src/main.c', 'LINK']);
  expectClean();
});

test.each([
  ['appends', 'RUN echo more >> /log; cat src/main.c > /last'],
  ['makes a folder', 'RUN mkdir /made || exit 1; cat src/main.c > /made/main'],
  ['adds a user', 'RUN echo "x:x:5:5::/:/bin/sh" >> /etc/passwd; cat src/main.c > /last'],
  ['empties /tmp', 'RUN test ! -e /done || exit 1; touch /done; cat src/main.c > /last'],
])('what is not fit to run again runs from its base: it %s', (_, run) => {
  dockerfile('WORKDIR /w', 'COPY . .', run);
  warm();
  for (const text of ['two\n', 'three\n']) {
    own.write({ 'src/main.c': text });
    warm();
  }
  expectClean();
  expect(cambiumOk(['plan', '-f', own.path(file), '.'], own.at).stdout).toContain('clean-only');
});

const keptFiles = 'cp -n src/main.c kept; cp -n src/other.c kept2; true';
test.each<[string, string, () => void]>([
  [
    'what a step made of a file that it does not look at any more',
    `WORKDIR /w\nCOPY . .\nRUN ${keptFiles}`,
    () => own.write({ 'src/main.c': 'two\n' }),
  ],
  [
    'what a step made of a file with two names',
    'WORKDIR /w\nCOPY . .\nRUN ln src/main.c both\nRUN cp -n src/main.c kept; true',
    () => own.write({ 'src/main.c': 'two\n' }),
  ],
  [
    'a link that leads to an older file',
    "WORKDIR /w\nCOPY . .\nRUN make -s && sed 's/$/!/' src/link.c > linked",
    () => {
      rmSync(own.path('src/link.c'), { force: true });
      symlinkSync('other.c', own.path('src/link.c'));
    },
  ],
  [
    'a new name of a file',
    'WORKDIR /w\nCOPY . .\nRUN make -s',
    () => linkSync(own.path('src/main.c'), own.path('src/hard.c')),
  ],
  [
    'a command of a makefile',
    'WORKDIR /w\nCOPY . .\nRUN make -s',
    () => own.write({ Makefile: makefile.replace('echo CC', 'echo edited >> $@ && echo CC') }),
  ],
  [
    'a mode alone',
    'WORKDIR /w\nCOPY . .\nRUN [ run -nt src/main.c ] || cp -p src/main.c run',
    () => chmodSync(own.path('src/main.c'), 0o755),
  ],
  [
    'a program that another command made',
    'WORKDIR /w\nCOPY src/tool /bin/tool\nRUN sed -i s/AS/as/ /bin/tool\nCOPY . .\nRUN for f in src/*.c; do [ $f.o -nt $f ] || /bin/tool $f > $f.o; done',
    () => own.write({ 'src/tool': '#!/bin/sh\necho AS two; cat $1\n', 'src/main.c': 'two\n' }),
  ],
])('no trace stays of %s', (_, lines, edit) => {
  own.write({ 'src/tool': '#!/bin/sh\necho AS; cat $1\n' });
  chmodSync(own.path('src/tool'), 0o755);
  symlinkSync('main.c', own.path('src/link.c'));
  dockerfile(...lines.split('\n'));
  warm();
  // A last result that was watched, and not the clean lane's.
  own.write({ 'src/all.h': 'header two\n' });
  warm();
  edit();
  warm();
  expectClean();
});

test('an instruction that changed: what comes after it starts from its base', () => {
  const lines = [
    'WORKDIR /w',
    'RUN echo one > /tool',
    'COPY . .',
    'RUN [ -e made ] || cat /tool src/main.c > made',
  ];
  dockerfile(...lines);
  warm();
  lines[1] = 'RUN echo two > /tool';
  dockerfile(...lines);
  warm();
  expectClean();
  // The result of an ordinary build is one of other instructions too.
  cambiumOk(['build', '-t', 'app', '-f', own.path(file), '.'], own.at);
  lines[1] = 'RUN echo three > /tool';
  dockerfile(...lines);
  warm();
  expectClean();
});

test('the source tree is never written to', () => {
  made();
  warm();
  own.write({ 'src/main.c': 'two\n' });
  const before = listTree(own.path(''));
  warm();
  expect(listTree(own.path(''))).toEqual(before);
});

test('patterns: what they match now goes where they say, and what they matched is gone', () => {
  own.write({ 'src/one.json': '1\n', 'src/sub/two.json': '2\n' });
  dockerfile('COPY src/*.json src/s*b /data/', 'RUN ls -R /data >/list');
  warm();
  own.write({ 'src/three.json': '3\n', 'src/sab/four.json': '4\n' });
  rmSync(own.path('src/one.json'));
  warm();
  expectClean();
});

test('a thousand changes at once: nothing is told by arguments', () => {
  const all = (text: string) =>
    own.write(
      Object.fromEntries(
        Array.from({ length: 1000 }, (_, at) => [`src/d${at % 30}/file-${at}`, `${text} ${at}\n`]),
      ),
    );
  all('one');
  dockerfile('COPY src /src', 'RUN find /src -type f | sort | xargs cat >/all');
  warm();
  all('two');
  warm();
  expectClean();
});

test('configure does not run again when make alone has to', () => {
  own.write({ configure: '#!/bin/sh\necho CONFIGURE; cat Makefile > config.status\n' });
  dockerfile('WORKDIR /w', 'COPY . .', 'RUN sh ./configure && make -s');
  expect(warm().printed[0]).toBe('CONFIGURE');
  own.write({ 'src/main.c': 'two\n' });
  expect(warm().printed).toEqual(['CC src/main.c', 'LINK']);
  own.write({ Makefile: `${makefile}# two\n` });
  expect(warm().printed[0]).toBe('CONFIGURE');
  // A file that nobody opened so far: who knows who looks at its time.
  own.write({ 'README.md': 'one\n' });
  expect(warm().printed).toEqual(['CONFIGURE']);
  own.write({ 'README.md': 'two\n' });
  expect(warm().printed).toEqual(['CONFIGURE']);
  expectClean();
});

test('an install below `COPY . .` does not run again for a source file', () => {
  own.write({ packages: 'left-pad\n' });
  dockerfile('WORKDIR /w', 'COPY . .', 'RUN echo INSTALL; cp packages installed', 'RUN make -s');
  warm();
  own.write({ 'src/main.c': 'two\n' });
  expect(warm().printed).toEqual(['CC src/main.c', 'LINK']);
  own.write({ packages: 'right-pad\n' });
  expect(warm().printed).toContain('INSTALL');
  expectClean();
});

test('files that a step moved away or linked are not taken for unread', () => {
  dockerfile(
    ...[
      'WORKDIR /w',
      'COPY . .',
      'RUN mv src/other.c moved.c && ln src/main.c linked.c',
      'RUN cat moved.c linked.c > both',
    ],
    'RUN make -s; cat src/main.c > last',
  );
  warm();
  own.write({ 'src/other.c': 'other two\n' });
  warm();
  own.write({ 'src/main.c': 'main two\n' });
  warm();
  expectClean();
});

test('stages: the same result stops the wave, another one goes on as a difference', () => {
  own.write({ 'notes/a': 'a\n' });
  own.write({
    [file]: `FROM base AS made
WORKDIR /w
COPY . .
RUN cat notes/* > /dev/null; make -s
FROM base
COPY --from=made /w/out /out
RUN echo LAST; cat /out/app > /app
`,
    '.dockerignore': 'Dockerfile*\n',
  });
  warm();
  own.write({ 'notes/a': 'other notes\n' });
  expect(warm().printed).toEqual([]);
  own.write({ 'src/main.c': 'two\n' });
  expect(warm().printed).toEqual(['CC src/main.c', 'LINK', 'LAST']);
  expectClean();
});

test('what a mount shows has a new time where it changed', () => {
  dockerfile(
    'WORKDIR /w',
    'RUN --mount=type=bind,source=.,target=/in cp -r /in/Makefile . && ln -sfn /in/src src && make -s',
  );
  own.write({ Makefile: makefile.replaceAll('find src', 'find src/') });
  warm();
  own.write({ 'src/main.c': 'two\n' });
  utimesSync(own.path('src/main.c'), past, past);
  expect(warm().printed).toEqual(['CC src/main.c', 'LINK']);
  expectClean();
});

test.each(['shared', 'locked', 'private'])(
  'caches: what a failed run wrote is not in a %s one',
  (sharing) => {
    dockerfile(
      ...['WORKDIR /w', 'COPY . .'],
      `RUN --mount=type=cache,id=${sharing},sharing=${sharing},target=/c cat /c/seen 2>/dev/null; cat src/main.c > /c/seen; ! grep bad src/main.c`,
    );
    warm();
    own.write({ 'src/main.c': 'bad\n' });
    expect(rebuild(own, '-f', own.path(file)).code).toBe(1);
    own.write({ 'src/main.c': 'main three\n' });
    expect(warm().printed).toEqual(['main one']);
  },
);

test('layers and folders do not add up over many rebuilds', () => {
  const startedMs = Date.now();
  made();
  const inspect = () =>
    JSON.parse(cambiumOk(['image', 'inspect', 'app'], own.at).stdout)[0] as {
      layers: { sizeBytes: number }[];
    };
  warm();
  const first = inspect().layers.length;
  for (let edit = 1; edit <= 20; edit++) {
    own.write({ 'src/main.c': `edit ${edit}\n` });
    warm();
  }
  // What nothing stands on any more is gone: the step's own result, and the differences on it.
  const opened = openStore(own.at.store);
  const { count } = opened.db
    .prepare("SELECT count(*) AS count FROM snapshots WHERE kind = 'delta' AND created_ms > ?")
    .get(startedMs) as { count: number };
  opened.close();
  expect(count).toBeLessThanOrEqual(8);
  const { layers } = inspect();
  expect(layers.length).toBeLessThanOrEqual(first + 8);
  // Each holds what a rebuild changed: an archive with three small files.
  for (const { sizeBytes } of layers.slice(first)) expect(sizeBytes).toBeLessThan(16_000);
  expectClean();
}, 120_000);

test('verify: says where a warm step drifted, puts the clean image in place, and trusts the step no more', () => {
  const keeps = 'RUN cat src/main.c > /dev/null; [ -e kept ] || cp src/main.c kept';
  dockerfile('WORKDIR /w', 'COPY . .', keeps, 'RUN cat kept > copied');
  warm();
  expect(cambium(['verify', '-t', 'app', '-f', own.path(file), '.'], own.at).code).toBe(0);
  own.write({ 'src/main.c': 'two\n' });
  warm();
  expect(fileOf(own, 'w/kept')).toBe('main one\n');
  const verdict = cambium(['verify', '-t', 'app', '-f', own.path(file), '.'], own.at);
  expect(verdict.code).toBe(4);
  expect(verdict.stderr).toMatch(
    /RUN cat src\/main.c.*not what a clean build gives\n {2}~ \/w\/kept content/,
  );
  expect(fileOf(own, 'w/copied')).toBe('two\n');
  own.write({ 'src/main.c': 'three\n' });
  expect(warm().code).toBe(0);
  expectClean();
});

test('verify: what two clean builds do differently is no drift', () => {
  dockerfile(
    'WORKDIR /w',
    'COPY . .',
    '# cambium: warm=on',
    'RUN make -s && cat /proc/sys/kernel/random/uuid > id',
    'RUN cat id > copied',
  );
  warm();
  own.write({ 'src/main.c': 'two\n' });
  warm();
  const verdict = cambium(['verify', '-t', 'app', '-f', own.path(file), '.'], own.at);
  expect(verdict.stderr).toContain('two clean builds differ here too\n  ~ /w/id content');
  expect(verdict.code).toBe(0);
});

test('a comment says how a step is rebuilt: another command, off, or safe when files are gone', () => {
  dockerfile(
    ...['WORKDIR /w', 'COPY . .', '# cambium: warm=echo SHORT && make -s', 'RUN echo LONG && make -s'],
    ...[
      '# cambium: warm=off',
      'RUN echo OFF $(ls /off 2>/dev/null); mkdir -p /off/dir; cat src/*.c > /dev/null',
    ],
    ...[
      '# cambium: warm=safe',
      'RUN echo SAFE $(ls /safe 2>/dev/null); mkdir -p /safe/dir; cat src/*.c > /dev/null',
    ],
  );
  expect(warm().printed).toEqual(expect.arrayContaining(['LONG', 'OFF', 'SAFE']));
  own.write({ 'src/main.c': 'two\n' });
  const second = warm().printed;
  expect(second).toEqual(expect.arrayContaining(['SHORT', 'OFF', 'SAFE dir']));
  expect(second).not.toContain('LONG');
  rmSync(own.path('src/other.c'));
  expect(warm().printed).toEqual(expect.arrayContaining(['LONG', 'OFF', 'SAFE dir']));
});

test('a rebuild that is interrupted leaves the last image', async () => {
  dockerfile(
    'WORKDIR /w',
    'COPY . .',
    'RUN make -s && if grep -q slow src/main.c; then echo SLOW; sleep 60; fi',
  );
  warm();
  const before = filesOf(own);
  own.write({ 'src/main.c': 'slow\n' });
  const { child, ended } = startCambium(
    ['rebuild', '--progress', 'json', '-t', 'app', '-f', own.path(file), '.'],
    own.at,
  );
  child.stdout?.on('data', (data: Buffer) => {
    if (data.includes('SLOW\\n')) child.kill('SIGINT');
  });
  const run = readRebuilt(await ended);
  expect(run.code).toBe(130);
  expect(filesOf(own)).toEqual(before);
  own.write({ 'src/main.c': 'fast\n' });
  warm();
  expect(fileOf(own, 'w/out/app')).toContain('fast');
});

test('what one part of a command leaves running, or has in memory, the next one finds', () => {
  dockerfile(
    'WORKDIR /w',
    'COPY . .',
    'RUN mkdir -p /dev/shm && echo x > /dev/shm/x && cat /dev/shm/x src/main.c > /both',
  );
  warm();
  expect(fileOf(own, 'both')).toBe('x\nmain one\n');
  own.write({ 'src/main.c': 'two\n' });
  warm();
  expectClean();
});

test('image ls and inspect say warm or verified', () => {
  made();
  warm();
  own.write({ 'src/main.c': 'two\n' });
  warm();
  expect(cambiumOk(['image', 'ls'], own.at).stdout).toMatch(/^app:latest .* warm$/m);
  const push = cambium(['image', 'push', 'app', 'localhost:1/app:1'], own.at);
  expect([push.code, push.stderr]).toEqual([2, expect.stringContaining('--allow-warm')]);
  own.write({ 'src/main.c': 'three\n' });
  const sent = rebuild(own, '-f', own.path(file), '-o', 'type=registry,name=localhost:1/app');
  expect([sent.code, sent.stdout]).toEqual([2, expect.stringContaining('--allow-warm')]);
  expect(fileOf(own, 'w/out/app')).toContain('three');
  own.write({ 'src/main.c': 'four\n' });
  const plain = cambiumOk(['rebuild', '-t', 'app', '-f', own.path(file), '.'], own.at).stderr;
  expect(plain).toMatch(/\/w\/src\/main\.c changed; on its last result/);
  expect(plain).toMatch(
    /, warm: .*\n {2}plan \d+ ms · keys \d+ ms · steps \d+ ms · image \d+ ms · new layer [\d.]+ \wi?B/,
  );
  cambiumOk(['build', '-t', 'app', '-f', own.path(file), '.'], own.at);
  expect(cambiumOk(['image', 'ls'], own.at).stdout).toMatch(/^app:latest .* verified$/m);
});
