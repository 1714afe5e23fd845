/** Random edits, one after the other: whatever they are, warm rebuilds give what a clean build gives. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { type Scratch, scratch, scratchOn } from '../support/scratch.ts';
import { cleanFiles, filesOf, makefile, type Project, project, rebuildOk } from './support/project.ts';

const places = {
  overlay: { make: () => scratch(), edits: 30 },
  btrfs: { make: () => scratchOn('btrfs', '1G'), edits: 20 },
} as const;
let own: Project;

function begin(place: Scratch): void {
  own = project(place);
  own.write({
    Makefile: makefile,
    configure: "#!/bin/sh\necho CONFIGURE && sed 's/^/# /' Makefile > config.status\n",
    'src/main.c': 'main\n',
    'src/all.h': 'header\n',
    'src/sub/one.c': 'one\n',
    'src/sub/two.c': 'two\n',
    'src/README': 'nobody reads me\n',
    '.dockerignore': '*.tmp\n',
    Dockerfile: `FROM base AS made
WORKDIR /w
COPY . .
RUN sh ./configure && make -s && find src | sort | xargs stat -c '%a %F %n' > out/list
FROM base
COPY --from=made /w/out /out
RUN cat /out/app | wc -c > /size && { test -e /seen || date > /seen; rm /seen; }
`,
  });
}

afterEach(() => own[Symbol.dispose]());

/** A small generator of pseudo-random numbers: the same edits in each run (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Edit = (pick: (below: number) => number, number: number) => void;

const src = (name: string) => own.path(`src/${name}`);
const files = () =>
  (readdirSync(own.path('src'), { recursive: true }) as string[])
    .filter((name) => lstatSync(src(name)).isFile())
    .sort();
const oneOf = <T>(list: readonly T[], pick: (below: number) => number) => list[pick(list.length)];
const past = new Date('2001-02-03T04:05:06Z');

/** An edit of a random file; nothing where there is none. */
function ofFile(edit: (path: string, number: number) => void): Edit {
  return (pick, number) => {
    const name = oneOf(files(), pick);
    if (name !== undefined) edit(src(name), number);
  };
}

const edits: Record<string, Edit> = {
  write: ofFile((path, number) => writeFileSync(path, `text ${number}\n`)),
  'write with an old time': ofFile((path, number) => {
    writeFileSync(path, `older ${number}\n`);
    utimesSync(path, past, past);
  }),
  touch: ofFile((path) => utimesSync(path, new Date(), new Date())),
  'touch back in time': ofFile((path) => utimesSync(path, past, past)),
  delete: ofFile((path) => rmSync(path)),
  rename: ofFile((path, number) => renameSync(path, path.replace(/\.(?=[ch]$)/, `-${number}.`))),
  chmod: ofFile((path, number) => chmodSync(path, number % 2 === 0 ? 0o755 : 0o640)),
  empty: ofFile((path) => writeFileSync(path, '')),
  add: (_, number) => writeFileSync(src(`new${number}.c`), `new ${number}\n`),
  'add a folder': (_, number) => {
    mkdirSync(src(`dir${number}`));
    writeFileSync(src(`dir${number}/in.c`), `in ${number}\n`);
  },
  symlink: (_, number) => symlinkSync('main.c', src(`link${number}`)),
  'file to folder': ofFile((path, number) => {
    rmSync(path);
    mkdirSync(path);
    writeFileSync(`${path}/inner${number}.c`, `inner ${number}\n`);
  }),
  'folder to file': (_, number) => {
    if (!existsSync(src('sub'))) return;
    rmSync(src('sub'), { recursive: true });
    writeFileSync(src('sub'), `was a folder ${number}\n`);
  },
  'folder to symlink': (_, number) => {
    rmSync(src('sub'), { recursive: true, force: true });
    mkdirSync(src(`real${number}`));
    writeFileSync(src(`real${number}/r.c`), `real ${number}\n`);
    symlinkSync(`real${number}`, src('sub'));
  },
  'ignore rule': (pick) =>
    writeFileSync(
      own.path('.dockerignore'),
      `*.tmp\n${oneOf(['src/README', 'src/sub', '**/*.h', ''], pick)}\n`,
    ),
};

test.each(['overlay', 'btrfs'] as const)(
  'on %s, after every tenth random edit the warm image is the clean one',
  (driver) => {
    const { make, edits: count } = places[driver];
    begin(make());
    const pick = random(4);
    const names = Object.keys(edits);
    const done: string[] = [];
    rebuildOk(own);
    for (let number = 1; number <= count; number++) {
      const name = oneOf(names, pick) as string;
      edits[name]?.(pick, number);
      done.push(name);
      rebuildOk(own);
      if (number % 10 === 0) expect(filesOf(own), `after ${done.join(', ')}`).toEqual(cleanFiles(own));
    }
  },
);
