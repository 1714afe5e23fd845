/**
 * One line saved in a project with an incremental compiler, to the new image in the store. What the compiler alone takes for
 * the same edit is measured beside it, in a plain folder: the rest is each tool's own.
 */
import type { Cambium } from '../peers/cambium.ts';
import { type Dev, startDev } from '../peers/dev.ts';
import type { Docker } from '../peers/docker.ts';
import type { Place } from '../place.ts';
import { jqProject } from '../projects/c.ts';
import { mavenProject } from '../projects/maven.ts';
import { type IncrementalProject, imageFolder, writeDockerfile } from '../projects/project.ts';
import { typescriptProject } from '../projects/typescript.ts';
import type { Case, Command, Contender } from '../types.ts';
import { fetchWarmBase } from '../warm-base.ts';

export const warmBase = 'bench-warm:1';
const tool = 'the compiler alone';
const byHand = 'by hand';

/** By their ids: each is made only when it is asked for. */
const projects: Readonly<Record<string, (place: Place) => IncrementalProject>> = {
  'warm-c': jqProject,
  'warm-typescript': typescriptProject,
  'warm-maven': mavenProject,
};
export const warmIds = Object.keys(projects);

export function warmCases(place: Place, isAsked: (id: string) => boolean): Case[] {
  importWarmBase(place);
  return warmIds.filter(isAsked).map((id) => warmCase(place, projects[id]?.(place) as IncrementalProject));
}

/** Once, whichever cases need it. */
export function importWarmBase(place: Place): void {
  const plain = place.path('plain');
  if (imported.has(place)) return;
  imported.add(place);
  const tar = fetchWarmBase(place.cacheDir);
  place.importBase(tar, warmBase, true);
  // Some compilers look into /proc.
  place.sh('mkdir "$1"; tar -C "$1" -xf "$2"; mount -t proc proc "$1/proc"', plain, tar);
}

const imported = new WeakSet<Place>();

function warmCase(place: Place, project: IncrementalProject): Case {
  const { id, title, folder, build } = project;
  writeDockerfile(place, folder, warmBase, build);
  place.write(`${folder}/${project.edited}`, project.content('none'));
  const { cambium, dockers, buildah } = place;
  const [docker] = dockers;
  return {
    ...{ id, title, rounds: 5, baseline: tool },
    goals: [
      { type: 'overhead', underMs: 150 },
      { type: 'overhead', underMs: 60, who: `${cambium.name} dev` },
      ...(project.isIncremental ? [{ type: 'ratio', of: 'docker', factor: 0.1 } as const] : []),
      { type: 'overhead-ratio', of: byHand, factor: 1 / 3 },
    ],
    contenders: [
      compilerAlone(place, project),
      rebuilding(place, project, cambium),
      developing(place, project, cambium),
      ...(docker ? [handWork(place, project, docker)] : []),
      ...[...dockers, ...(buildah ? [buildah] : [])].map((builder) =>
        // From nothing each time: once is enough.
        ({
          ...saving(place, project, builder.name),
          rounds: 1,
          commands: () => [builder.build(folder, place.path(folder))],
        }),
      ),
    ],
  };
}

/** Saves another line before each time; `text` is the last one. */
function saving(place: Place, { folder, edited, content }: IncrementalProject, name: string) {
  let [text, savedMs] = ['', 0];
  const save = () => {
    text = place.newText();
    place.write(`${folder}/${edited}`, content(text));
    savedMs = Date.now();
  };
  /** Nobody saves a file twice in one second, and Cambium would wait for the next one: some tools tell times by seconds. */
  const rest = () => {
    const ms = 1100 - (Date.now() - savedMs);
    if (ms > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  };
  return { name, text: () => text, save, rest, before: save };
}

/** Throws unless a built image has the line that was saved. Told of the first counted round: it takes its time. */
function mustHold(
  place: Place,
  project: IncrementalProject,
  round: number,
  text: string,
  run: Command,
): void {
  if (round !== 1) return;
  const { argv } = run;
  place.meter.run({ ...run, argv: [...argv, 'grep', '-q', text, `${imageFolder}/${project.product}`] });
}

function compilerAlone(place: Place, project: IncrementalProject): Contender {
  const { folder, build, again, edited, content } = project;
  const inside = (command: string) => [
    'chroot',
    place.path('plain'),
    'sh',
    '-c',
    `cd ${imageFolder} && ${command}`,
  ];
  return {
    name: tool,
    before(round) {
      if (round === 0) {
        place.sh('rm -rf "$2"; cp -a "$1" "$2"', place.path(folder), place.path('plain', imageFolder));
        place.meter.run({ argv: inside(build) });
      }
      place.write(`plain${imageFolder}/${edited}`, content(place.newText()));
    },
    commands: () => [{ argv: inside(again) }],
  };
}

function rebuilding(place: Place, project: IncrementalProject, cambium: Cambium): Contender {
  const saved = saving(place, project, cambium.name);
  const rebuild = cambium.command('rebuild', place.path(project.folder), '-t', project.folder);
  return {
    name: cambium.name,
    before(round) {
      // From nothing first; what the next one tries out for the first time isn't counted.
      if (round === 0) place.meter.run(rebuild);
      saved.save();
    },
    commands: () => [rebuild],
    check: (round) => mustHold(place, project, round, saved.text(), cambium.command('run', project.folder)),
  };
}

/** It runs in its own turns only, and has made one image before the one that counts. */
function developing(place: Place, project: IncrementalProject, cambium: Cambium): Contender {
  const { folder, id } = project;
  const saved = saving(place, project, `${cambium.name} dev`);
  const command = cambium.command('dev', place.path(folder), '-t', folder, '--progress', 'json');
  let dev: Dev | undefined;
  place.atEnd(() => dev?.stop());
  return {
    name: saved.name,
    before() {
      dev = startDev(command, place.path(`${id}.events`));
      dev.awaitImage();
      saved.save();
      dev.awaitImage();
      saved.rest();
    },
    act() {
      saved.save();
      dev?.awaitImage();
    },
    cpuMs: () => dev?.cpuMs() ?? 0,
    async check(round) {
      await dev?.stop();
      dev = undefined;
      mustHold(place, project, round, saved.text(), cambium.command('run', folder));
    },
  };
}

/** A container that stays: the file is copied in, the compiler is run there, and all of it is committed. */
function handWork(place: Place, project: IncrementalProject, docker: Docker): Contender {
  const { folder, again, edited } = project;
  const name = `${folder}-by-hand`;
  const saved = saving(place, project, `${byHand}, ${docker.name}`);
  const inside = (command: string) => docker.command('exec', '-w', imageFolder, name, 'sh', '-c', command);
  return {
    name: saved.name,
    before(round) {
      if (round === 0) {
        place.meter.run(
          docker.command('run', '-d', '--network', 'none', '--name', name, warmBase, 'sleep', 'infinity'),
        );
        // What the compiler alone has made is there already.
        place.meter.run(docker.command('cp', place.path('plain', imageFolder), `${name}:${imageFolder}`));
      }
      saved.save();
    },
    commands: () => [
      docker.command('cp', place.path(folder, edited), `${name}:${imageFolder}/${edited}`),
      inside(again),
      docker.command('commit', name, folder),
    ],
    check: (round) =>
      mustHold(
        place,
        project,
        round,
        saved.text(),
        docker.command('run', '--rm', '--network', 'none', folder),
      ),
  };
}
