/** What a step costs by itself: twenty that run `true` one after the other, and twenty that need not wait for each other. */

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import type { Place } from '../place.ts';
import type { Case, Contender } from '../types.ts';
import { buildContenders, writeProject } from './projects.ts';

const count = 20;

export function stepCases(place: Place): Case[] {
  const series = 'series';
  let text = '';
  return [
    {
      id: 'run-true',
      title: 'a step that runs `true` (20 in series, time of one)',
      rounds: 3,
      per: count + 1,
      goals: [{ type: 'time', underMs: 80 }],
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
      edit: () => {
        text = place.newText();
        writeIndependent(place, text);
      },
      contenders: independentContenders(place, () => text),
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

/** No build file of Cambium's says yet that stages are independent, but its plans can: a small program builds one. */
function independentContenders(place: Place, text: () => string): Contender[] {
  const here = dirname(fileURLToPath(import.meta.url));
  const program = join(dirname(place.program), 'bench-independent.cjs');
  buildSync({
    entryPoints: [join(here, '../peers/independent-plan.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    external: ['koffi', '@photostructure/sqlite', 'jiti'],
    loader: { '.bash': 'text', '.sh': 'text' },
    define: { 'import.meta.url': 'bundleUrl' },
    banner: { js: "const bundleUrl=require('node:url').pathToFileURL(__filename).href;" },
    logLevel: 'error',
  });
  const all = buildContenders(place, independent, { buildahFlags: ['--jobs', '20'] });
  return all.map((contender) => {
    const cambium = [place.cambium, place.cambiumBtrfs].find(({ name }) => name === contender.name);
    if (cambium === undefined) return contender;
    const argv = () => [process.execPath, program, cambium.store, text()];
    return { name: contender.name, commands: () => [{ argv: argv() }] };
  });
}
