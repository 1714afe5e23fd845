/** A copy of 20,000 files, 85 MB: cold, unchanged, one of them changed. */
import { openBuildah } from '../peers/buildah.ts';
import { cambiumOn } from '../peers/cambium.ts';
import type { Place } from '../place.ts';
import type { Case, Contender } from '../types.ts';
import { buildContenders, writeFiles, writeProject } from './projects.ts';

const folder = 'files20k';

export function copyCases(place: Place): Case[] {
  writeFiles(place, `${folder}/src`, { count: 20_000, perFolder: 100, bytes: 4250 });
  writeProject(place, { folder, base: 'scratch', instructions: [{ copy: '.', to: '/app/' }] });
  const contenders = buildContenders(place, folder);
  return [
    {
      id: 'copy-cold',
      title: 'copy of 20,000 files, 85 MB: cold',
      rounds: 2,
      isCold: true,
      goals: [{ type: 'ratio', of: 'docker', factor: 0.5 }],
      contenders: coldContenders(place),
    },
    {
      id: 'copy-unchanged',
      title: 'copy of 20,000 files: unchanged',
      rounds: 4,
      goals: [{ type: 'ratio', of: 'docker', factor: 0.2 }],
      contenders,
    },
    {
      id: 'copy-one',
      title: 'copy of 20,000 files: one changed',
      rounds: 4,
      goals: [{ type: 'ratio', of: 'docker', factor: 0.1 }],
      edit: () => place.write(`${folder}/src/d17/f50`, `${place.newText()}\n`),
      contenders,
    },
  ];
}

/**
 * Each build finds an empty store, or an emptied cache. Old stores are left where they are until the end: on ext4 it takes
 * long to make files for some minutes after many were removed, whoever removed them.
 */
function coldContenders(place: Place): Contender[] {
  const context = place.path(folder);
  const cambiums = [
    { name: place.cambium.name, store: (round: number) => place.path(`cold${round}`) },
    { name: place.cambiumBtrfs.name, store: (round: number) => `${place.btrfs}/cold${round}` },
  ];
  const { buildah } = place;
  return [
    ...cambiums.map(({ name, store }) => ({
      name,
      commands: (round: number) => [cambiumOn(place.program, store(round), name).build(context, 'cold')],
    })),
    ...place.builders.map((builder) => ({
      name: builder.name,
      before() {
        for (const command of builder.forget('cold')) place.meter.run(command);
      },
      commands: () => [builder.build('cold', context)],
    })),
    ...(buildah
      ? [
          {
            name: buildah.name,
            commands: (round: number) => [
              openBuildah(place.path(`buildah-cold${round}`)).build('cold', context),
            ],
          },
        ]
      : []),
  ];
}
