/** Two hundred rebuilds, one after the other: neither their time nor what they add to the store may grow. */
import { join } from 'node:path';
import { requireImage } from '../../src/images/index.ts';
import { folderBytes } from '../../src/kit/disk-use.ts';
import { lineageOf } from '../../src/store/snapshots.ts';
import { openStore } from '../../src/store/store.ts';
import type { Cambium } from '../peers/cambium.ts';
import type { Place } from '../place.ts';
import { smallProject } from '../projects/c.ts';
import { writeDockerfile } from '../projects/project.ts';
import type { Case, Sample } from '../types.ts';
import { importWarmBase, warmBase } from './warm.ts';

const rebuilds = 200;

export function seriesCases(place: Place): Case[] {
  importWarmBase(place);
  const folder = 'warm-small';
  const save = smallProject(place, folder);
  const { cambium } = place;
  writeDockerfile(place, folder, warmBase, 'make');
  const rebuild = cambium.command('rebuild', place.path(folder), '-t', folder);
  return [
    {
      id: 'warm-series',
      title: `${rebuilds} rebuilds in a row, each with one changed line`,
      rounds: rebuilds,
      isSeries: true,
      goals: [
        { type: 'flat', count: 20, factor: 1.2 },
        { type: 'layers', most: 8 },
      ],
      contenders: [
        {
          name: cambium.name,
          before(round) {
            if (round === 0) place.meter.run(rebuild);
            save(round, place.newText());
          },
          commands: () => [rebuild],
          note: () => describeLayers(cambium, folder),
        },
      ],
    },
  ];
}

/** Of an image on overlay, whose layers are folders. */
function describeLayers({ store: dir }: Cambium, image: string): Partial<Sample> {
  const store = openStore(dir);
  const rows = lineageOf(store.db, requireImage(store.db, image).snapshot);
  store.close();
  const layers = rows.filter(({ kind }) => kind === 'delta');
  const folders = layers[0]?.folders ?? [];
  return {
    layers: layers.length,
    layerBytes: folders.reduce((sum, folder) => sum + folderBytes(join(dir, 'snapshots', folder)), 0),
  };
}
