/** One changed file on top of a layer of 1 GiB: the image in the store, as an OCI folder, as a tar for `docker load`. */
import { rmSync } from 'node:fs';
import type { Place } from '../place.ts';
import type { Case, Contender } from '../types.ts';
import { buildContenders, writeFiles, writeProject } from './projects.ts';

const folder = 'big';

export function exportCases(place: Place): Case[] {
  place.sh(`mkdir -p gib/data; cp -a busybox/. gib
    for file in $(seq 64); do head -c 16M /dev/urandom > gib/data/$file; done
    tar -C gib -cf gib.tar .`);
  place.importBase(place.path('gib.tar'), 'bench-gib:1');
  writeFiles(place, `${folder}/src`, { count: 20, perFolder: 20, bytes: 4096 });
  const instructions = [{ copy: 'src', to: '/app/' }, { run: 'sha256sum /app/d0/* > /sums' }];
  writeProject(place, { folder, base: 'bench-gib:1', instructions });
  const edit = () => place.write(`${folder}/src/d0/f3`, `${place.newText()}\n`);
  const common = { rounds: 5, edit } as const;
  return [
    {
      ...common,
      id: 'gib-store',
      title: 'one file on 1 GiB: image in the store',
      goals: [{ type: 'ratio', of: 'docker', factor: 0.5 }],
      contenders: buildContenders(place, folder),
    },
    {
      ...common,
      id: 'gib-layout',
      title: 'one file on 1 GiB: OCI folder',
      goals: [{ type: 'ratio', of: 'docker', factor: 0.5 }],
      contenders: layoutContenders(place),
    },
    {
      ...common,
      rounds: 3,
      id: 'gib-tar',
      title: 'one file on 1 GiB: tar for docker load',
      memory: true,
      goals: [
        { type: 'ratio', of: 'docker', factor: 0.2 },
        { type: 'memory', underMiB: 200 },
      ],
      contenders: tarContenders(place),
    },
  ];
}

function cambiums(place: Place) {
  return [
    { cambium: place.cambium, out: place.path('out-cambium') },
    { cambium: place.cambiumBtrfs, out: `${place.btrfs}/out-cambium` },
  ];
}

/** The folder is that of the last round: what did not change is in it already. */
function layoutContenders(place: Place): Contender[] {
  const { containerd, buildKit, buildah } = place;
  const context = place.path(folder);
  const contenders: Contender[] = cambiums(place).map(({ cambium, out }) => ({
    name: cambium.name,
    commands: () => [cambium.build(context, 'layout', '-o', `type=oci,dest=${out}/`)],
  }));
  if (containerd) {
    const output = `type=oci,tar=false,dest=${place.path('out-containerd')}`;
    contenders.push({
      name: containerd.name,
      commands: () => [
        containerd.command('buildx', 'build', '--network', 'host', '--output', output, context),
      ],
    });
  }
  if (buildKit) {
    const output = `type=oci,tar=false,dest=${place.path('out-buildkit')}`;
    contenders.push({
      name: buildKit.name,
      commands: () => [buildKit.build('layout', context, output)],
    });
  }
  if (buildah) {
    const output = `oci:${place.path('out-buildah')}:layout`;
    contenders.push({
      name: buildah.name,
      commands: () => [buildah.build('layout', context), buildah.command('push', '-D', 'layout', output)],
    });
  }
  return contenders;
}

function tarContenders(place: Place): Contender[] {
  const { containerd, buildKit, buildah } = place;
  const context = place.path(folder);
  const contenders: Contender[] = cambiums(place).map(({ cambium, out }) => ({
    name: cambium.name,
    commands: () => [cambium.build(context, 'tar', '-o', `type=docker,dest=${out}.tar`)],
  }));
  for (const docker of place.dockers) {
    const output = place.path('out-docker.tar');
    contenders.push({
      name: docker.name,
      commands: () => [docker.build('tar', context), docker.command('save', '-o', output, 'tar')],
    });
  }
  if (containerd) {
    const output = `type=docker,dest=${place.path('out-containerd.tar')}`;
    contenders.push({
      name: containerd.name,
      commands: () => [
        containerd.command('buildx', 'build', '--network', 'host', '--output', output, context),
      ],
    });
  }
  if (buildKit) {
    const output = `type=docker,name=tar,dest=${place.path('out-buildkit.tar')}`;
    contenders.push({
      name: buildKit.name,
      commands: () => [buildKit.build('tar', context, output)],
    });
  }
  if (buildah) {
    const output = place.path('out-buildah.tar');
    contenders.push({
      name: buildah.name,
      // It doesn't write over an archive.
      before: () => rmSync(output, { force: true }),
      commands: () => [
        buildah.build('tar', context),
        buildah.command('push', 'tar', `docker-archive:${output}:tar`),
      ],
    });
  }
  return contenders;
}
