/** A project whose build goes by times, as make does, and is right or wrong for that: what warm rebuilds are tried on. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeBusybox } from '../../support/busybox.ts';
import { type BuildRun, type CliOptions, cambium, cambiumOk, readBuild } from '../../support/cli.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';
import { listTree } from '../../support/tree.ts';

export interface Project extends Disposable {
  place: Scratch;
  at: CliOptions;
  /** Writes files of the context by their paths. */
  write(files: Readonly<Record<string, string>>): void;
  path(name: string): string;
}

/** A context folder, and a store with the image `base`: busybox and GNU make. */
export function project(place: Scratch = scratch()): Project {
  const base = place.path('base');
  mkdirSync(place.path('ctx'), { recursive: true });
  mkdirSync(base);
  writeBusybox(base);
  rmSync(`${base}/bin/make`, { force: true });
  copyFileSync('/usr/bin/make', `${base}/bin/make`);
  const libraries = execFileSync('ldd', ['/usr/bin/make'], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  for (const library of libraries) {
    mkdirSync(dirname(base + library), { recursive: true });
    copyFileSync(library, base + library);
  }
  const at = { store: place.path('store'), cwd: place.path('ctx') };
  cambiumOk(['image', 'import', base, 'base'], at);
  const path = (name: string) => place.path('ctx', name);
  return {
    ...{ place, at, path },
    write(files) {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(path(name)), { recursive: true });
        writeFileSync(path(name), text);
      }
    },
    [Symbol.dispose]: () => place[Symbol.dispose](),
  };
}

/**
 * Compiles each `src/**.c` to an object that holds its text and that of all headers, and links them. What it prints says
 * what it did: `CC file`, `LINK`.
 */
export const makefile = `
SRC := $(sort $(shell find src -name '*.c' -type f))
HEADERS := $(sort $(shell find src -maxdepth 1 -name '*.h' -type f))
OBJ := $(SRC:%.c=out/%.o)
out/app: $(OBJ)
	cat $^ > $@ && echo LINK
out/%.o: %.c $(HEADERS)
	mkdir -p $(@D) && cat $^ > $@ && echo CC $<
`;

export interface Rebuilt extends BuildRun {
  /** Lines that steps printed. */
  printed: string[];
}

export function rebuild({ at }: Project, ...args: string[]): Rebuilt {
  return readRebuilt(cambium(['rebuild', '--progress', 'json', '-t', 'app', ...args, '.'], at));
}

export function readRebuilt(result: Parameters<typeof readBuild>[0]): Rebuilt {
  const run = readBuild(result);
  const text = run.events.map((event) => (event.type === 'step-output' ? event.text : '')).join('');
  return { ...run, printed: text.split('\n').filter((line) => line !== '') };
}

export function rebuildOk(project: Project, ...args: string[]): Rebuilt {
  const run = rebuild(project, ...args);
  if (run.code !== 0) throw new Error(`the rebuild exited with ${run.code}:\n${run.stdout}${run.stderr}`);
  return run;
}

/** All files of an image, times apart; as they are in the archive of its root file system. */
export function filesOf({ at, place }: Project, image = 'app'): string[] {
  const out = place.path('out');
  rmSync(out, { recursive: true, force: true });
  cambiumOk(['image', 'export', image, '-o', `type=local,dest=${out}`], at);
  return listTree(out, { times: false });
}

/** All files of what a clean build gives, in a store where no warm one has been. */
export function cleanFiles(project: Project, ...args: string[]): string[] {
  const { place, at } = project;
  const clean = { ...at, store: place.path('clean') };
  if (!existsSync(clean.store)) cambiumOk(['image', 'import', place.path('base'), 'base'], clean);
  cambiumOk(['build', '--no-cache', '-t', 'app', ...args, '.'], clean);
  return filesOf({ ...project, at: clean });
}

/** The text of one file of the image. */
export function fileOf(project: Project, path: string): string {
  filesOf(project);
  return readFileSync(project.place.path('out', path), 'utf8');
}
