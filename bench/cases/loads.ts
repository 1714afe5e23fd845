/** One small file changed in an image of 500 MB, which goes into a running Docker daemon; by others as a tar, for `docker load`. */
import { rmSync } from 'node:fs';
import type { Docker } from '../peers/docker.ts';
import type { Place } from '../place.ts';
import type { Case, Contender } from '../types.ts';

const folder = 'load';

export function loadCases(place: Place): Case[] {
  place.sh(`mkdir -p ${folder}/data
    for file in $(seq 50); do head -c 10M /dev/urandom > ${folder}/data/$file; done`);
  place.write(`${folder}/Dockerfile`, 'FROM scratch\nCOPY data /data/\nCOPY small /small\n');
  const edit = () => place.write(`${folder}/small`, `${place.newText()}\n`);
  const [docker] = place.dockers;
  const daemons = [
    ['load-one', 'one file on 500 MB: into the Docker daemon', docker],
    ['load-one-containerd', 'one file on 500 MB: into a daemon with containerd', place.containerd],
  ] as const;
  return daemons.flatMap(([id, title, daemon]): Case[] =>
    daemon === undefined
      ? []
      : [
          {
            id,
            title,
            rounds: 5,
            edit,
            goals: [{ type: 'ratio', of: 'buildah', factor: 0.33 }],
            contenders: loadContenders(place, daemon),
          },
        ],
  );
}

function loadContenders(place: Place, daemon: Docker): Contender[] {
  const { cambium, buildah } = place;
  const context = place.path(folder);
  const { env = {} } = daemon.command();
  // Each has a name of its own: a build in the daemon takes a name away, and the image with it.
  const hasIt = (tag: string) => () => place.meter.run(daemon.command('image', 'inspect', tag));
  const build = cambium.build(context, 'load-cambium', '-o', 'type=docker');
  const contenders: Contender[] = [
    {
      name: cambium.name,
      commands: () => [{ ...build, env: { ...build.env, DOCKER_HOST: env['DOCKER_HOST'] ?? '' } }],
      check: hasIt('load-cambium'),
    },
    // It builds in the daemon itself: nothing has to go anywhere.
    {
      name: `${daemon.name}, built there`,
      commands: () => [daemon.build('load-there', context)],
      check: hasIt('load-there'),
    },
  ];
  if (buildah) {
    const tar = place.path('load.tar');
    contenders.push({
      name: buildah.name,
      // It doesn't write over an archive.
      before: () => rmSync(tar, { force: true }),
      commands: () => [
        buildah.build('load-buildah', context),
        buildah.command('push', 'load-buildah', `docker-archive:${tar}:load-buildah`),
        daemon.command('load', '-q', '-i', tar),
      ],
      check: hasIt('load-buildah'),
    });
  }
  return contenders;
}
