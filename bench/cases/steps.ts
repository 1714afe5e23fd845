/** What a step costs by itself: twenty that run `true` one after the other, and twenty that need not wait for each other. */

import type { Place } from '../place.ts';
import type { Case } from '../types.ts';
import { buildContenders, writeProject } from './projects.ts';

const count = 20;

export function stepCases(place: Place): Case[] {
  const series = 'series';
  return [
    {
      id: 'run-true',
      title: 'a step that runs `true` (20 in series, time of one)',
      rounds: 3,
      per: count + 1,
      goals: [
        { type: 'time', underMs: 80 },
        { type: 'ratio', of: 'docker', factor: 0.4 },
      ],
      edit: () =>
        writeProject(place, {
          folder: series,
          base: 'bench-base:1',
          instructions: [
            { run: `echo ${place.newText()} > /round` },
            ...Array.from({ length: count }, () => ({ run: 'true' })),
          ],
        }),
      contenders: buildContenders(place, series),
    },
    {
      id: 'independent-20',
      title: '20 independent stages, each `sleep 1` and one more step',
      rounds: 3,
      goals: [{ type: 'ratio', of: 'docker', factor: 1 }],
      edit: () => writeIndependent(place, place.newText()),
      contenders: buildContenders(place, independent, {
        buildahFlags: ['--jobs', '20'],
        cambiumFlags: ['--jobs', '20'],
      }),
    },
  ];
}

const independent = 'independent';

function numbers(): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

function writeIndependent(place: Place, text: string): void {
  const stages = numbers().map(
    (number) =>
      `FROM bench-base:1 AS s${number}\nRUN echo ${text} ${number} > /a; sleep 1\nRUN echo ${number} > /b\n`,
  );
  const copies = numbers().map((number) => `COPY --from=s${number} /b /out/b${number}\n`);
  place.write(`${independent}/Dockerfile`, `${stages.join('')}FROM bench-base:1\n${copies.join('')}`);
}
