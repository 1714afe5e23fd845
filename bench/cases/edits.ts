/** A project of ten instructions: nothing to do, and one changed file. */
import type { Place } from '../place.ts';
import type { Case } from '../types.ts';
import { buildContenders, writeFiles, writeProject } from './projects.ts';

export function editCases(place: Place): Case[] {
  const folder = 'ten';
  writeFiles(place, `${folder}/src`, { count: 200, perFolder: 20, bytes: 8192 });
  writeProject(place, {
    folder,
    base: 'bench-base:1',
    instructions: [
      ...[1, 2, 3, 4, 5, 6, 7].map((number) => ({ run: `echo ${number} > /step${number}` })),
      { copy: 'src', to: '/app/' },
      { run: 'sha256sum /app/d3/* > /sums' },
      { run: 'cat /sums > /done' },
    ],
  });
  const contenders = buildContenders(place, folder);
  return [
    {
      id: 'idle-10',
      title: 'nothing to do, 10 instructions',
      rounds: 10,
      goals: [
        { type: 'time', underMs: 80 },
        { type: 'ratio', of: 'docker', factor: 0.5 },
        { type: 'ratio', of: place.buildKitClient, factor: 0.8 },
      ],
      contenders,
    },
    {
      id: 'edit-1',
      title: 'one changed file: a copy and two commands run',
      rounds: 7,
      goals: [{ type: 'ratio', of: 'docker', factor: 0.5 }],
      edit: () => place.write(`${folder}/src/d3/f7`, `${place.newText()}\n`),
      contenders,
    },
  ];
}
